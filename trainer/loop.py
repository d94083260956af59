"""Training: `Trainer.train()` yields after every step what there is to tell; files, processes and screens are others' business.

Shapes: B batch, S cells.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hrm_model.act import Batch, Carry, act_step, initial_carry
from hrm_model.device import is_small, pick_device, pick_dtype, pick_training_dtype, wait_for
from hrm_model.evaluation import evaluate, told
from hrm_model.loss import IGNORE, act_loss
from hrm_model.model import HRM
from trainer.capture import Captured
from trainer.config import RunConfig
from trainer.data.batches import Ahead
from trainer.distributed import World
from trainer.fitting import first_line, out_of_memory
from trainer.neighbours import look_at_neighbours
from trainer.optim import EMA, SignSGD, learning_rate, optimizer_for
from trainer.runs.events import Event, event
from trainer.state import restore, state_of

_EXPLORATION = 3  # a random stream of the seed; dataset.py has the others
_RATE_OVER = 2.0  # seconds of computing that examples_per_second is taken over, at least


class Diverged(RuntimeError):
    """The loss or its gradient is no number any more."""


class CutShort(Exception):
    """Raised by `Trainer.between` to leave an evaluation, which the run then begins with when it goes on."""


class Trainer:
    """All that changes while a model is trained. `state_dict` and `load_state_dict` carry every bit of it."""

    def __init__(
        self,
        config: RunConfig,
        batches: Callable[[int], Batch],
        sets: dict[str, tuple[Any, ...]] | None = None,
        *,
        micro_batch: int | None = None,
        compiled: bool | None = None,
        captured: bool | None = None,
        world: World | None = None,
        device: str | None = None,
    ) -> None:
        """`batches`: a step's batch. `sets`: puzzles, solutions and perhaps identifiers to be judged by, by name.

        `micro_batch`: rows at once, None for all.

        `compiled`: whether a segment is compiled; None: where the configuration says 'on'. `captured`: whether steps are replayed as a
        CUDA graph; None: where a small model is alone on a card. `device`: this process's, not the config's.
        """
        self.config, self.batches, self.sets = config, batches, sets or {}
        self.world = world or World()
        self.first_row, self.end_row = self.world.rows(config.batch_size)
        self.micro_batch = min(micro_batch or config.batch_size, self.end_row - self.first_row)
        self.device = pick_device(device or config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.step = self.phase = 0
        self.running_accuracy = 0.0
        self.seconds = 0.0  # computing time, pauses left out
        self.done = False
        self.reason = ""  # why it is done before its steps are
        self.judged = -1  # the step of the last evaluation
        self.best, self.since_best = -1.0, 0  # held-out exact accuracy, and evaluations since it was this good
        self.between: Callable[[], None] = lambda: None  # called between the batches of an evaluation, which takes longer than a step
        self.notices: list[tuple[str, str]] = []  # what people should know of the last step: a warning's code and text
        self.window: dict[str, Tensor] = {}  # sums since the last metrics event
        self.window_steps = 0
        self._rate: deque[tuple[float, int]] = deque([(0.0, 0)])  # seconds, examples
        self.dtype = pick_training_dtype(self.device, config.dtype)
        self.model = HRM(config.model.model_copy(update={"forward_dtype": self.dtype}))
        if config.start == "neighbours":
            look_at_neighbours(self.model, config.seed)
        self.model.to(self.device)
        self.enter_phase(0)
        if config.compile == "on" if compiled is None else compiled:
            self.model.segment = torch.compile(self.model.segment)  # type: ignore[method-assign]
        self.through = self.world.wrap(self.model)
        self.optimizer = optimizer_for(config, self.model)
        table = self.model.puzzle_emb
        self.sign_sgd = SignSGD(table, config.puzzle_emb_weight_decay) if table is not None and config.puzzle_emb_lr else None
        self.ema = EMA(self.model, config.ema) if config.ema else None
        # Large models keep a card busy by themselves.
        self.captures = self.device.type == "cuda" and self.world.size == 1 and is_small(self.model) if captured is None else captured
        self.captured: Captured | None = None
        self.ahead = Ahead(self._make_batch)
        self.carry: Carry = initial_carry(self.model, self.batch(0))

    def _make_batch(self, step: int) -> Batch:
        """This process's rows of a step, with the least number of segments that exploration asks of each."""
        config = self.config
        batch = self.batches(step)
        most = config.model.halt_max_steps
        if most > 1:
            rng = np.random.default_rng(np.random.SeedSequence([config.seed, _EXPLORATION, step]))
            explores = rng.random(config.batch_size) < config.model.halt_exploration_prob
            batch["least_segments"] = torch.from_numpy(rng.integers(2, most + 1, size=config.batch_size, dtype=np.int32) * explores)
        rows = {name: tensor[self.first_row : self.end_row] for name, tensor in batch.items()}
        return {name: tensor.pin_memory() for name, tensor in rows.items()} if self.device.type == "cuda" else rows

    def batch(self, step: int) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in self.ahead(step).items()}

    def enter_phase(self, phase: int) -> None:
        depth = self.config.depth(phase)
        self.phase = phase
        # Weights do not depend on depth: only the order of calls changes.
        self.model.config = self.model.config.model_copy(
            update={"H_cycles": depth.H_cycles, "L_cycles": depth.L_cycles, "gradient": depth.gradient}
        )

    def _phase_is_over(self) -> bool:
        if self.phase >= len(self.config.phases) - 1:
            return False
        depth = self.config.phases[self.phase]
        learned = depth.until_accuracy is not None and self.running_accuracy >= depth.until_accuracy
        return learned or (depth.until_step is not None and self.step >= depth.until_step)

    # One step --------------------------------------------------------------------------------------------------------

    def train_step(self) -> dict[str, Tensor]:
        """One segment for every row and one optimizer step. Returns sums over the batch as tensors, so that CUDA need not wait;
        they hold until the next step.

        Raises Diverged before the weights are touched where a CPU finds a loss or gradient that is no number; on other devices, where
        looking at once would cost time, `check` finds it.
        """
        config = self.config
        self.model.train()
        batch = self.batch(self.step)
        while True:
            try:
                carry, sums = self._captured_or_plain(batch)
                break
            except RuntimeError as error:
                if not out_of_memory(error) or self.micro_batch == 1 or self.world.size > 1:
                    raise
                said = first_line(error)
            # Outside the handler: the error holds on to the frames, and they to what fills the memory.
            self._halve(said)
        self.carry = carry
        longest = config.clip or math.inf
        sums["grad_norm"] = nn.utils.clip_grad_norm_(self.model.parameters(), longest)
        if self.device.type == "cpu":
            self._must_be_finite(sums["loss"], sums["grad_norm"], f"step {self.step}")
        phase = config.depth(self.phase)
        factor, decay = phase.lr_factor, config.weight_decay if phase.weight_decay is None else phase.weight_decay
        schedule = {"warmup_steps": config.warmup_steps, "total_steps": config.steps, "min_ratio": config.lr_min_ratio}
        lr = factor * learning_rate(self.step, lr=config.lr, **schedule)  # type: ignore[arg-type]
        for group in self.optimizer.param_groups:
            group["lr"], group["weight_decay"] = lr, decay
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.sign_sgd:
            rate = factor * learning_rate(self.step, lr=config.puzzle_emb_lr, **schedule)  # type: ignore[arg-type]
            self.sign_sgd.step(rate, self.world.all_rows)
        if self.ema:
            self.ema.update()
        self.step += 1
        return {**sums, "lr": torch.tensor(lr)}

    def _captured_or_plain(self, batch: Batch) -> tuple[Carry, dict[str, Tensor]]:
        if not self.captures or self.micro_batch < self.end_row - self.first_row:
            return self.backward(batch)
        if self.captured is None or not self.captured.fits(self):
            self.captured = None  # its memory first
            try:
                self.captured = Captured(self, batch)
            except RuntimeError as error:
                if out_of_memory(error):
                    raise
                self.captures = False
                said = (
                    f"Steps cannot be captured as a CUDA graph here ({first_line(error)}); they are computed one by one, which is slower."
                )
                self.notices.append(("capture", said))
        # (Not in the handler, whose error holds on to what was captured.)
        return self.captured.replay(self, batch) if self.captured else self.backward(batch)

    def backward(self, batch: Batch) -> tuple[Carry, dict[str, Tensor]]:
        """The gradient of the mean loss, micro-batch by micro-batch; the new carry, and sums over this process's rows."""
        config = self.config
        # A model that has learned to halt early otherwise never sees what more segments do to its answer, and loses it there.
        staying = round(config.full_length * config.batch_size) - self.first_row
        count = self.end_row - self.first_row
        carries: list[Carry] = []
        sums: dict[str, Tensor] = {}
        for start in range(0, count, self.micro_batch):
            end = min(start + self.micro_batch, count)
            part = {name: tensor[start:end] for name, tensor in batch.items()}
            with self.world.unsynchronised(self.through) if end < count else nullcontext():
                carry, outputs = act_step(self.model, self.carry.rows(start, end), part, config.q_continue, self.through)
                if start < staying:
                    carry.halted[: staying - start] = carry.steps[: staying - start] >= self.model.config.halt_max_steps
                if config.wrong_go_on:
                    # A row that takes its wrong answer for right would leave at once, and how to get out of such a state is never learned.
                    right = (outputs["logits"].detach().argmax(dim=-1) == carry.labels).logical_or(carry.labels == IGNORE).all(dim=-1)
                    carry.halted &= right | (carry.steps >= self.model.config.halt_max_steps)
                loss, metrics = act_loss(carry, outputs, config.q_continue, config.loss, config.loss_cells)
                # DistributedDataParallel takes the mean over processes; what is wanted is the sum.
                (loss * (self.world.size / config.batch_size)).backward()
            if self.sign_sgd:
                self.sign_sgd.collect()
            carries.append(carry)
            for name, value in {"loss": loss.detach(), **metrics}.items():
                sums[name] = sums[name] + value if name in sums else value
        return Carry.joined(carries), sums

    def forget_gradients(self) -> None:
        """Those of parameters and of puzzle vectors."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.sign_sgd:
            self.sign_sgd.collect()
            self.sign_sgd.forget()

    def _halve(self, said: str) -> None:
        self.captured = None
        self.forget_gradients()
        before, self.micro_batch = self.micro_batch, (self.micro_batch + 1) // 2
        message = (
            f"Out of memory at step {self.step} with {before} examples at once ({said}). Going on with {self.micro_batch} at once; "
            f"the batch stays {self.config.batch_size}."
        )
        self.notices.append(("memory", message))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _must_be_finite(self, loss: Tensor, grad_norm: Tensor, where: str) -> None:
        for name, value in (("loss", float(loss)), ("gradient's length", float(grad_norm))):
            if not math.isfinite(value):
                raise Diverged(f"the {name} is {value} at {where}")

    def check(self) -> None:
        """Raise Diverged where a step since the last metrics was no number. Called before anything is saved."""
        if self.window_steps and self.device.type != "cpu":
            self._must_be_finite(self.window["loss"], self.window["grad_norm"], f"a step up to {self.step}")

    # The run ---------------------------------------------------------------------------------------------------------

    def train(self) -> Iterator[list[Event]]:
        """Train to the end, yielding once a step its metrics and evaluation events (often none).

        Between two yields a step is whole: `state_dict` then holds all that the rest of the run depends on. Raises Diverged where the
        loss stops being a number.
        """
        if self.step and self.step % self.config.evaluate_every == 0 and self.judged != self.step:
            yield self._evaluated()  # it was cut short
        while not self.done and self.step < self.config.steps and not self._out_of_time():
            if self._phase_is_over():
                self.enter_phase(self.phase + 1)
            begin = time.perf_counter()
            for name, value in self.train_step().items():
                self.window[name] = self.window[name] + value if name in self.window else value.clone()  # a replay overwrites them
            self.window_steps += 1
            if any(self.step % every == 0 for every in (self.config.log_every, self.config.evaluate_every, self.config.checkpoint_every)):
                wait_for(self.device)  # a card computes behind: what it still owes belongs to these steps
            self.seconds += time.perf_counter() - begin
            events = [event("warning", self.step, code=code, message=message) for code, message in self.notices]
            self.notices.clear()
            if self.step % self.config.log_every == 0:
                events.append(self._metrics())
            if self.step % self.config.evaluate_every == 0:
                events += self._evaluated()
            yield events
        if not self.done and self.step < self.config.steps:
            self.reason = (
                f"Its {self.config.minutes:g} minutes of computing are used up, at step {self.step:,} of {self.config.steps:,}. "
                "To train on, go on from here with changes and allow more minutes."
            )
        if self.judged != self.step:
            yield self._evaluated(last=True)

    def _evaluated(self, *, last: bool = False) -> list[Event]:
        """This step's evaluation; nothing where it was cut short. The last one cannot end the run any more."""
        self.check()
        try:
            found = self.evaluation_event()
        except CutShort:
            return []
        if not last:
            self._judge(found)
        return [found]

    def _out_of_time(self) -> bool:
        return bool(self.world.from_first(self.config.minutes is not None and self.seconds >= 60 * self.config.minutes))

    def _judge(self, result: Event) -> None:
        """Whether an evaluation ends the run: good enough, or no better for too long."""
        if not result["sets"]:
            return
        exact, wanted, patience = result["values"]["exact_accuracy"], self.config.stop_at_exact, self.config.patience
        better = exact > self.best
        self.best, self.since_best = (exact, 0) if better else (self.best, self.since_best + 1)
        if wanted is not None and all(s["exact"] >= wanted for s in result["sets"].values()):
            self.done, self.reason = True, f"Every evaluation set is solved to {wanted:.2%} or better."
        elif patience is not None and self.since_best >= patience:
            self.done = True
            self.reason = (
                f"{patience} evaluations brought no more than the best, {self.best:.1%} of unseen puzzles; stopped early as asked."
            )

    def _metrics(self) -> Event:
        """Means since the last time, under the published names: losses over all examples, the others over those that just ended."""
        shared = ("lr", "grad_norm")  # alike in all processes
        self.world.add(total for name, total in self.window.items() if name not in shared)
        value = {name: float(total) for name, total in self.window.items()}
        taken = self.window_steps
        self.window, self.window_steps = {}, 0
        examples = taken * self.config.batch_size
        ended = value.pop("count")
        means: dict[str, Any] = {name: value.pop(name) / taken for name in shared}
        for name, total in value.items():
            count = examples if name.endswith("loss") else ended
            means[name] = total / count if count else None
        means["weight_norm"] = float(nn.utils.get_total_norm(self.model.parameters()))
        for name in ("loss", "grad_norm", "weight_norm"):
            if not math.isfinite(means[name]):
                raise Diverged(f"the {name.replace('_', ' ')} is {means[name]} at step {self.step}")
        if ended:
            # Weighted by how many ended: with few of them a window says little.
            weight = min(1.0, ended / 500)
            self.running_accuracy += weight * (means["accuracy"] - self.running_accuracy)
        return event(
            "metrics",
            self.step,
            values=means,
            phase=self.phase,
            examples=self.step * self.config.batch_size,
            examples_per_second=self._examples_per_second(),
            ended=int(ended),
            seconds=round(self.seconds, 2),
        )

    def _examples_per_second(self) -> float | None:
        """Over the last two seconds or more of computing; evaluations and pauses do not count."""
        now = (self.seconds, self.step * self.config.batch_size)
        while len(self._rate) > 1 and now[0] - self._rate[1][0] >= _RATE_OVER:
            self._rate.popleft()
        before = self._rate[0]
        self._rate.append(now)
        took = now[0] - before[0]
        return round((now[1] - before[1]) / took, 2) if took > 0 else None

    def averaged_model(self) -> HRM:
        """A copy with the averaged weights (the trained ones where no average is kept), ready to reason."""
        generator_state = torch.get_rng_state()  # a new model draws random weights; training must not notice
        dtype = pick_dtype(self.device, trained_in=self.model.config.forward_dtype)
        copy = HRM(self.model.config.model_copy(update={"forward_dtype": dtype})).to(self.device)
        torch.set_rng_state(generator_state)
        copy.load_state_dict(self.model.state_dict() | (self.ema.shadow if self.ema else {}))
        return copy.eval()

    def evaluation_event(self) -> Event:
        """The averaged model on every evaluation set; `exact_accuracy` and `accuracy` are means over the sets."""
        found = dict(self.world.from_first(self._evaluation() if self.world.first else None))
        self.judged = self.step
        return found

    def _evaluation(self) -> Event:
        model, config = self.averaged_model(), self.config
        givens = config.loss_cells == "blanks"  # which then are not the model's to repeat
        how = partial(evaluate, model, segments=config.evaluation_segments, q_continue=config.q_continue, keep_givens=givens)
        found = {name: how(*puzzles, between=self.between) for name, puzzles in self.sets.items()}
        sets = {name: told(figures) for name, figures in found.items()}
        means = {"exact_accuracy": "exact", "accuracy": "cells"} if sets else {}
        values = {name: sum(s[key] for s in sets.values()) / len(sets) for name, key in means.items()}
        return event(
            "evaluation", self.step, values=values, sets=sets, segments=self.config.evaluation_segments, seconds=round(self.seconds, 2)
        )

    def rate_from_here(self) -> None:
        """Forget how quick earlier steps were."""
        self._rate = deque([(self.seconds, self.step * self.config.batch_size)])

    def state_dict(self) -> dict[str, Any]:
        return state_of(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        restore(self, state)
