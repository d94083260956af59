"""Training: `Trainer.train()` yields the events of each step. It writes no files and knows no run directory.

Shapes: B batch, S cells.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hrm_model.act import Batch, Carry, act_step, initial_carry
from hrm_model.device import is_small, pick_device, pick_training_dtype, wait_for
from hrm_model.errors import first_line, out_of_memory
from hrm_model.loss import act_loss
from hrm_model.make import make_model
from hrm_model.model import HRM
from hrm_model.native import units as native
from hrm_model.symmetric import SymmetricHRM
from trainer.capture import CapturedStep
from trainer.config import RunConfig
from trainer.data.batches import Prefetcher, least_segments, may_end
from trainer.distributed import ProcessGroup
from trainer.evaluation_sets import averaged_model, evaluate_sets
from trainer.halting import overrule_halting
from trainer.initial_weights import attend_to_neighbours
from trainer.interrupt import Cancelled, Lookout
from trainer.metrics import MetricsWindow, Rate
from trainer.optim import EMA, MuonAdamW, SignSGD, drop_gradients, hyperparameters, learning_rate, optimizer_for
from trainer.runs.events import Evaluated, Event, Metrics, event

_MOST_JUDGED = 128  # puzzles that an evaluation computes at once
_LAST_EVALUATION = 0.1  # share of the time limit that the evaluation after it may take
_LEAST_LAST = 5.0  # seconds that it may take in any case


class Diverged(RuntimeError):
    """The loss, a gradient or a weight is NaN or infinite."""


class Trainer:
    """A model in training: one step, the loop over steps, and the whole state for a checkpoint."""

    def __init__(
        self,
        config: RunConfig,
        batches: Callable[[int], Batch],
        sets: dict[str, tuple[Any, ...]] | None = None,
        *,
        micro_batch: int | None = None,
        compiled: bool | None = None,
        captured: bool | None = None,
        processes: ProcessGroup | None = None,
        device: str | None = None,
    ) -> None:
        """`batches`: gives the batch of a step. `sets`: evaluation sets by name: puzzles, solutions and perhaps identifiers.

        `micro_batch`: rows computed at once; None: all. `compiled`: whether to compile a segment; None: if the configuration says 'on'.
        `captured`: whether to replay steps as a CUDA graph; None: if the model is small and this process the only one.
        `device`: this process's device, if it is not the configuration's.
        """
        self.config, self.batches, self.sets = config, batches, sets or {}
        self.processes = processes or ProcessGroup()
        self.first_row, self.end_row = self.processes.rows(config.batch_size)
        self.micro_batch = min(micro_batch or config.batch_size, self.end_row - self.first_row)
        self.device = pick_device(device or config.device)
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.step = self.phase = 0
        self.running_accuracy = 0.0
        self.seconds = 0.0  # of computing; pauses and evaluations do not count
        self.done = False
        self.reason = ""  # why the run ended before its last step
        self.evaluated_at = -1  # the step of the last evaluation
        self.best, self.since_best = -1.0, 0  # best exact accuracy on unseen puzzles, and how many evaluations ago
        self.evaluating: tuple[int, int] | None = None  # puzzles of the evaluation that goes on: done, and all
        self.lookout = Lookout()  # looks up while a step or an evaluation is computed
        self.lookout.look = self.look
        self._step_began: float | None = None  # by the clock that `_now` reads
        self._evaluation_ends = math.inf
        self.notices: list[tuple[str, str]] = []  # warnings of the last step: code and message
        self.window = MetricsWindow()
        self.rate = Rate()
        self.dtype = pick_training_dtype(self.device, config.dtype, config.model.mixer)
        self.model = make_model(config.model.model_copy(update={"forward_dtype": self.dtype}))
        if config.start == "neighbours":
            attend_to_neighbours(self.model, config.seed)
        self.model.to(self.device)
        self.enter_phase(0)
        if isinstance(self.model, SymmetricHRM) and native.usable(self.model.config, self.device):
            self.model.in_native_code = True  # faster than torch (tests/benchmarks/train_step.py)
        elif config.compile == "on" if compiled is None else compiled:
            self.model.compile_segment()
        elif self.device.type == "cpu" and self.processes.size == 1:
            self.lookout.watch(self.model)
        self.wrapped_model = self.processes.wrap(self.model)
        self.optimizer = optimizer_for(config, self.model)
        table = self.model.puzzle_emb
        self.sign_sgd = SignSGD(table, config.puzzle_emb_weight_decay) if table is not None and config.puzzle_emb_lr else None
        self.ema = EMA(self.model, config.ema) if config.ema else None
        # A large model keeps a card busy without a captured graph.
        self.captures = self.device.type == "cuda" and self.processes.size == 1 and is_small(self.model) if captured is None else captured
        self.prefetcher = Prefetcher(self._make_batch)
        self.carry: Carry = initial_carry(self.model, self.batch(0))

    def _make_batch(self, step: int) -> Batch:
        """This process's rows of a step's batch."""
        batch = self.batches(step)
        if self.config.model.halt_max_steps > 1:
            batch["least_segments"] = least_segments(self.config, step)
        if self.config.end_when_right:
            batch["may_end"] = may_end(self.config, step)
        rows = {name: tensor[self.first_row : self.end_row] for name, tensor in batch.items()}
        return {name: tensor.pin_memory() for name, tensor in rows.items()} if self.device.type == "cuda" else rows

    def batch(self, step: int) -> Batch:
        """This process's rows of a step's batch, on its device."""
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in self.prefetcher(step).items()}

    def enter_phase(self, phase: int) -> None:
        """Train at a phase's depth from now on. Weights do not depend on it: only the order of calls changes."""
        depth = self.config.depth(phase)
        self.phase = phase
        self.captured: CapturedStep | None = None  # it is of one depth
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
        the next step may overwrite them.

        On a CPU, raises Diverged before the weights change if the loss or gradient is NaN or infinite. Elsewhere that check would make the
        processor wait for the device at every step, so `check` does it before anything is saved.
        """
        config = self.config
        self.model.train()
        batch = self.batch(self.step)
        while True:
            try:
                carry, sums = self._captured_or_plain(batch)
                break
            except RuntimeError as error:
                if not out_of_memory(error) or self.micro_batch == 1 or self.processes.size > 1:
                    raise
                reason = first_line(error)
            # Outside the handler: the error keeps the frames alive, and they the tensors that fill the memory.
            self._halve_micro_batch(reason)
        self.carry = carry
        max_norm = config.clip or math.inf
        sums["grad_norm"] = nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)
        if self.device.type == "cpu":
            self._must_be_finite(sums["loss"], sums["grad_norm"], f"step {self.step}")
        phase = config.depth(self.phase)
        factor, decay = phase.lr_factor, config.weight_decay if phase.weight_decay is None else phase.weight_decay
        schedule = {"warmup_steps": config.warmup_steps, "total_steps": config.steps, "min_ratio": config.lr_min_ratio}
        lr = factor * learning_rate(self.step, lr=config.lr, **schedule)  # type: ignore[arg-type]
        for group in self.optimizer.param_groups:
            group["lr"], group["weight_decay"] = lr, decay
        if config.muon_lr is not None and isinstance(self.optimizer, MuonAdamW):
            self.optimizer.set_muon_lr(factor * learning_rate(self.step, lr=config.muon_lr, **schedule))  # type: ignore[arg-type]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.sign_sgd:
            rate = factor * learning_rate(self.step, lr=config.puzzle_emb_lr, **schedule)  # type: ignore[arg-type]
            self.sign_sgd.step(rate, self.processes.all_gather)
        if self.ema:
            self.ema.update()
        self.step += 1
        return {**sums, "lr": torch.tensor(lr)}

    def _captured_or_plain(self, batch: Batch) -> tuple[Carry, dict[str, Tensor]]:
        if not self.captures or self.micro_batch < self.end_row - self.first_row:
            return self.backward(batch, self.carry)
        if self.captured is None:
            try:
                self.captured = CapturedStep(self.backward, batch, self.carry, self.model.parameters(), self.sign_sgd)
            except RuntimeError as error:
                if out_of_memory(error):
                    raise
                self.captures = False
                message = f"CUDA graph capture failed ({first_line(error)}). Training goes on without it, more slowly."
                self.notices.append(("capture", message))
        # (Not in the handler, whose error keeps alive what was captured.)
        return self.captured.replay(batch, self.carry) if self.captured else self.backward(batch, self.carry)

    def backward(self, batch: Batch, carry: Carry) -> tuple[Carry, dict[str, Tensor]]:
        """Add the gradient of the mean loss, micro-batch by micro-batch. Returns the new carry, and sums over this process's rows."""
        config, most = self.config, self.model.config.halt_max_steps
        staying = round(config.full_length * config.batch_size) - self.first_row
        count = self.end_row - self.first_row
        done: Carry | None = None
        sums: dict[str, Tensor] = {}
        for start in range(0, count, self.micro_batch):
            if start and self.processes.size == 1:
                self.lookout()
            end = min(start + self.micro_batch, count)
            rows = {name: tensor[start:end] for name, tensor in batch.items()}
            with self.processes.no_sync(self.wrapped_model) if end < count else nullcontext():
                part, outputs = act_step(self.model, carry.rows(start, end), rows, config.q_continue, self.wrapped_model)
                overrule_halting(config, part, outputs, rows, staying=staying - start, most=most)
                loss, metrics = act_loss(part, outputs, config.q_continue, config.loss, config.loss_cells, config.q_weight, config.reach)
                # DistributedDataParallel averages over processes; the sum is needed.
                (loss * (self.processes.size / config.batch_size)).backward()
            if self.sign_sgd:
                self.sign_sgd.collect()
            if end - start == count:
                done = part
            else:  # into one place: a large batch's states take gigabytes, so not in parts that are joined
                done = part.room_for(count) if done is None else done
                done.put(start, part)
            for name, value in {"loss": loss.detach(), **metrics}.items():
                sums[name] = sums[name] + value if name in sums else value
        assert done is not None
        return done, sums

    def _halve_micro_batch(self, reason: str) -> None:
        self.captured = None
        drop_gradients(self.model.parameters(), self.sign_sgd)
        before, self.micro_batch = self.micro_batch, (self.micro_batch + 1) // 2
        message = (
            f"Out of memory at step {self.step} with {before} examples at once ({reason}). Training goes on with {self.micro_batch} at once; "
            f"the batch size stays {self.config.batch_size}."
        )
        self.notices.append(("memory", message))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _must_be_finite(self, loss: Tensor, grad_norm: Tensor, when: str) -> None:
        for name, value in (("loss", float(loss)), ("gradient norm", float(grad_norm))):
            if not math.isfinite(value):
                raise Diverged(f"the {name} is {value} at {when}")

    def check(self) -> None:
        """Raise Diverged if a step since the last metrics was NaN or infinite. Called before anything is saved."""
        if self.window.steps and self.device.type != "cpu":
            self._must_be_finite(self.window.sums["loss"], self.window.sums["grad_norm"], f"a step up to {self.step}")

    # The run ---------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        """Seconds of a clock that stands still during looks, such as a pause."""
        return time.perf_counter() - self.lookout.spent

    def look(self) -> None:
        """Raise Cancelled if the time is up within a step, or within the evaluation after it. For `lookout.look`."""
        limit = self.config.minutes
        if self._step_began is not None and limit is not None and self.seconds + self._now() - self._step_began >= 60 * limit:
            raise Cancelled
        if self._now() > self._evaluation_ends:
            raise Cancelled

    def train(self) -> Iterator[list[Event]]:
        """Train to the end. Yields the events of each step: metrics, evaluations, warnings, often none.

        Each yield comes between two steps, when `state_dict` holds all that the rest of the run depends on. That is also so during a look:
        a step changes the weights at its end. A step that a look cancels yields nothing. Raises Diverged if the loss becomes NaN or infinite.
        """
        if self.step and self.step % self.config.evaluate_every == 0 and self.evaluated_at != self.step:
            yield self._evaluated()  # it was cancelled
        while not self.done and self.step < self.config.steps and not self._out_of_time():
            if self._phase_is_over():
                self.enter_phase(self.phase + 1)
            begin = self._step_began = self._now()
            try:
                self.window.add(self.train_step())
            except Cancelled:
                drop_gradients(self.model.parameters(), self.sign_sgd)
                self.seconds += self._now() - begin
                yield []
                continue
            finally:
                self._step_began = None
            if any(self.step % every == 0 for every in (self.config.log_every, self.config.evaluate_every, self.config.checkpoint_every)):
                wait_for(self.device)  # CUDA is asynchronous: finish these steps before the clock is read
            self.seconds += self._now() - begin
            events: list[Event] = [event("warning", self.step, code=code, message=message) for code, message in self.notices]
            self.notices.clear()
            if self.step % self.config.log_every == 0:
                events.append(self._metrics())
            if self.step % self.config.evaluate_every == 0:
                events += self._evaluated()
            yield events
        out_of_time = not self.done and self.step < self.config.steps
        if out_of_time:
            self.reason = (
                f"Time limit reached: {self.config.minutes:g} minutes of computing, at step {self.step:,} of {self.config.steps:,}. "
                "To train on, continue this run with changes and allow more minutes."
            )
        if self.evaluated_at != self.step:
            if out_of_time:
                self._evaluation_ends = self._now() + max(_LEAST_LAST, _LAST_EVALUATION * 60 * (self.config.minutes or 0.0))
            yield self._evaluated(last=True)

    def _evaluated(self, *, last: bool = False) -> list[Event]:
        """This step's evaluation, or nothing if it was cancelled. The last evaluation of a run no longer decides whether to stop early."""
        self.check()
        try:
            found = self.evaluation_event()
        except Cancelled:
            if self._now() <= self._evaluation_ends:
                return []
            told = (
                "The time limit was reached, so the last evaluation was left out: it takes too long. Run hrm-studio eval on the checkpoint."
            )
            return [event("warning", self.step, code="unevaluated", message=told)]
        if not last:
            self._stop_early(found)
        return [found]

    def _out_of_time(self) -> bool:
        return bool(self.processes.broadcast(self.config.minutes is not None and self.seconds >= 60 * self.config.minutes))

    def _stop_early(self, evaluation: Evaluated) -> None:
        """End the run if the evaluation is good enough, or no better for too long."""
        if not evaluation["sets"]:
            return
        exact, wanted, patience = evaluation["values"]["exact_accuracy"], self.config.stop_at_exact, self.config.patience
        better = exact > self.best
        self.best, self.since_best = (exact, 0) if better else (self.best, self.since_best + 1)
        if wanted is not None and all(s["exact"] >= wanted for s in evaluation["sets"].values()):
            self.done, self.reason = True, f"Target reached: {wanted:.2%} or more of every evaluation set solved."
        elif patience is not None and self.since_best >= patience:
            self.done = True
            self.reason = f"Stopped early: no improvement in {patience} evaluations; the best solved {self.best:.1%} of unseen puzzles."

    def _metrics(self) -> Metrics:
        means, ended = self.window.take(self.config.batch_size, self.processes)
        means["weight_norm"] = float(nn.utils.get_total_norm(self.model.parameters()))
        for name in ("loss", "grad_norm", "weight_norm"):
            if not math.isfinite(means[name]):
                raise Diverged(f"the {name.replace('_', ' ')} is {means[name]} at step {self.step}")
        if ended:
            # Weighted by how many examples ended: a few say little.
            weight = min(1.0, ended / 500)
            self.running_accuracy += weight * (means["accuracy"] - self.running_accuracy)
        examples = self.step * self.config.batch_size
        return event(
            "metrics",
            self.step,
            values=means,
            phase=self.phase,
            examples=examples,
            examples_per_second=self.rate.update(self.seconds, examples),
            ended=ended,
            seconds=round(self.seconds, 2),
        )

    def _batch_evaluated(self, count: int) -> None:
        if self.evaluating is not None:
            self.evaluating = self.evaluating[0] + count, self.evaluating[1]
        if self.processes.size == 1:
            self.lookout()

    def averaged_model(self) -> HRM:
        """A copy with the averaged weights (the trained ones if no average is kept), ready to reason."""
        copy = averaged_model(self.model, self.ema, self.device)
        if self.processes.size == 1:
            self.lookout.watch(copy)
        return copy

    def evaluation_event(self) -> Evaluated:
        """Evaluate the averaged model on every set; `exact_accuracy` and `accuracy` are means over the sets."""
        self.evaluating = 0, sum(len(puzzles[0]) for puzzles in self.sets.values())
        batch = min(_MOST_JUDGED, 4 * self.micro_batch)  # so many need less memory than training a quarter of them
        try:
            figures = (
                evaluate_sets(self.averaged_model(), self.sets, self.config, self._batch_evaluated, batch)
                if self.processes.is_first
                else {}
            )
        finally:
            self.evaluating = None
        self.evaluated_at = self.step
        return event("evaluation", self.step, **self.processes.broadcast(figures), seconds=round(self.seconds, 2))

    # Its state -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on: tensors, numbers and text only, so that reading it unpickles nothing else.

        All processes call it together; the carry is that of the whole batch, so a run goes on with any number of processes.
        """
        return {
            "step": self.step, "phase": self.phase, "dtype": self.model.config.forward_dtype, "running_accuracy": self.running_accuracy,
            "seconds": self.seconds, "done": self.done, "reason": self.reason, "best": self.best, "since_best": self.since_best,
            **self.window.state_dict(self.processes), "micro_batch": self.micro_batch, "optimizer_name": self.config.optimizer,
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "carry": {name: self.processes.all_gather(tensor) for name, tensor in self.carry.state().items()},
            "ema": self.ema and {"shadow": self.ema.shadow, "updates": self.ema.updates},
            "rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state from `state_dict`, whatever device and number of processes wrote it."""
        self.step, self.running_accuracy, self.seconds = state["step"], state["running_accuracy"], state["seconds"]
        self.done = state["done"]
        # Older states do not have these.
        self.reason, self.best, self.since_best = state.get("reason", ""), state.get("best", -1.0), state.get("since_best", 0)
        self.window.load_state_dict(state, self.device, self.processes)
        # A run keeps the dtype it began with, on whatever machine. States from before bfloat16 training have none.
        self.model.config = self.model.config.model_copy(update={"forward_dtype": state.get("dtype", "float32")})
        self.enter_phase(state["phase"])
        self.model.load_state_dict(state["model"])
        self.optimizer = optimizer_for(self.config, self.model)  # Muon computes in the model's dtype
        if state.get("optimizer_name", self.config.optimizer) == self.config.optimizer:
            self.optimizer.load_state_dict(state["optimizer"])
            for group in self.optimizer.param_groups:
                # The state holds the values of the run that wrote it; a continued run may set others.
                group.update({name: value for name, value in hyperparameters(self.config).items() if name in group})
        carry = Carry(**{name: tensor.to(self.device, copy=True) for name, tensor in state["carry"].items()})
        if len(carry.steps) == self.config.batch_size:
            self.carry = carry.rows(self.first_row, self.end_row)
        else:  # another batch size: every row begins with a new example
            self.carry = initial_carry(self.model, self.batch(self.step))
        if self.processes.size == 1:
            self.micro_batch = min(state.get("micro_batch", self.micro_batch), self.config.batch_size)
        self._restart_rate()
        if self.ema:
            # A run that continues one without an average starts its own from the weights.
            average = state["ema"] or {"updates": 0, "shadow": {name: p.detach() for name, p in self.ema.params.items()}}
            self.ema.updates = average["updates"]
            for name, tensor in average["shadow"].items():
                self.ema.shadow[name].copy_(tensor)
        torch.set_rng_state(state["rng"].cpu())
        if self.device.type == "cuda":
            # (This machine may have fewer cards.)
            for card, generator in enumerate(state["cuda_rng"][: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(generator.cpu(), card)

    def begin_fork(self, micro_batch: int) -> None:
        """Start a run of its own from the state just loaded: the clock, the best accuracy and the dtype are this run's."""
        self.done, self.reason, self.best, self.since_best, self.seconds, self.evaluated_at = False, "", -1.0, 0, 0.0, self.step
        self.window.clear()
        self.enter_phase(min(self.phase, max(0, len(self.config.phases) - 1)))
        self.model.config = self.model.config.model_copy(update={"forward_dtype": self.dtype})
        self.carry.z_H, self.carry.z_L = self.carry.z_H.to(self.model.dtype), self.carry.z_L.to(self.model.dtype)
        if isinstance(self.optimizer, MuonAdamW):
            self.optimizer.parts[0].dtype = self.model.dtype
        self.micro_batch = min(micro_batch, self.end_row - self.first_row)
        self._restart_rate()

    def _restart_rate(self) -> None:
        self.rate = Rate(self.seconds, self.step * self.config.batch_size)
