"""What a configuration costs on this machine: `python -m trainer --measure CONFIG.yaml` prints it as one JSON object after some seconds.

It runs real steps on random boards, so no puzzles need to be generated. If a whole batch would take too long, it measures one example and a
few at once, and assumes that time grows linearly.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from hrm_model.act import Batch, act_step, initial_carry
from hrm_model.config import parameter_count
from hrm_model.device import describe, pick_device, pick_dtype, pick_training_dtype, wait_for
from hrm_model.errors import ConfigError, HRMError, first_line
from hrm_model.loss import act_loss
from hrm_model.make import make_model
from hrm_model.reasoning import solve_batch
from hrm_model.symmetric import SymmetricHRM
from hrm_model.tasks.maze.grid import OPEN
from hrm_model.tasks.maze.varied import generate_varied
from trainer.config import RunConfig, read_config
from trainer.data.batches import maze_lessons
from trainer.loop import Trainer
from trainer.memory import MARGIN, MEMORY_SHARE, cpu_rows, free_memory, peak_memory, rows_that_fit
from trainer.runs.run_dir import most_checkpoints

_LONGEST = 1.5  # seconds; a measured step should not take longer
_MOST_ROWS = 8  # examples at once if a whole batch takes longer than that
_MEASURED = 1.0  # seconds of steps to measure
_STEP_OF_FORWARD = 2.0  # a step takes about so many times as long as its forward pass


@dataclass(frozen=True)
class MemoryNeeds:
    """Memory that training takes, in bytes."""

    fixed: int  # weights, gradients, moments and average, and the states of the whole batch before and after a step
    per_row: int  # tensors that one example keeps for its backward, and its carry


class RandomBatches:
    """Batches of random tokens; a step always has the same."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    def __call__(self, step: int) -> Batch:
        model, rows = self.config.model, self.config.batch_size
        chance = torch.Generator().manual_seed(step)
        if model.mixer == "neighbours":
            return self._mazes(step)
        tokens = torch.randint(0, model.vocab_size, (2, rows, model.seq_len), generator=chance)
        ids = torch.randint(0, model.num_puzzle_identifiers, (rows,), generator=chance)
        return {"inputs": tokens[0], "labels": tokens[1], "puzzle_identifiers": ids}

    def _mazes(self, step: int) -> Batch:
        """Real mazes of the largest sizes that the run asks for, as the cells that exist decide how long a step takes."""
        config = self.config
        sides = max(
            (s.sides for s in config.puzzles if s.sides), key=lambda sides: sides[1], default=(config.model.side, config.model.side)
        )
        puzzles, _ = generate_varied(sides, config.batch_size, np.random.default_rng(step % 4), side=config.model.side)
        inputs = torch.from_numpy(puzzles.astype(np.int64))
        return {"inputs": inputs, "puzzle_identifiers": torch.zeros(len(puzzles), dtype=torch.long), **maze_lessons(puzzles)}


def state_bytes(config: RunConfig) -> int:
    """Bytes of a training state on disk or in memory: weights, moments and average, without the carry."""
    numbers = parameter_count(config.model)
    table = config.model.num_puzzle_identifiers * config.model.puzzle_emb_ndim
    moments = 1 if config.optimizer == "muon" else 2
    return 4 * ((numbers - table) * (1 + moments + bool(config.ema)) + table)


def carry_bytes(config: RunConfig, rows: int) -> int:
    """Bytes of the states of so many rows, z_H and z_L, in float32: gigabytes for large boards and batches."""
    return 4 * 2 * rows * math.prod(config.model.state_shape())


def memory_needs(
    config: RunConfig, device: torch.device, told: Callable[[float], None] = lambda seconds: None, rows: int | None = None
) -> MemoryNeeds:
    """Measured by running one and two examples forward and counting what autograd keeps.

    `rows`: of a batch that this process computes; None: all.
    `told` gets a first guess of the seconds that a step of one example takes.
    """
    trainer = Trainer(_small(config, 2), RandomBatches(_small(config, 2)), device=str(device))
    if isinstance(trainer.model, SymmetricHRM):
        trainer.model.in_native_code = False  # that keeps less, which autograd does not see
    begin = time.perf_counter()
    kept = [_kept_bytes(trainer, 1)]
    told(_STEP_OF_FORWARD * (time.perf_counter() - begin))
    kept.append(_kept_bytes(trainer, 2))
    trainer.prefetcher.close()
    model = config.final_model
    half = 2 if trainer.model.config.forward_dtype == "bfloat16" else 1
    carry = 2 * carry_bytes(config, 1) // half  # old and new
    carries = carry * (config.batch_size if rows is None else rows)
    per_row = max(1, kept[1] - kept[0])
    gradients = 4 * (parameter_count(config.model) - model.num_puzzle_identifiers * model.puzzle_emb_ndim)
    return MemoryNeeds(fixed=state_bytes(config) + gradients + carries + max(0, kept[0] - per_row), per_row=per_row + carry)


def rows_at_once(config: RunConfig, device: torch.device, needed: MemoryNeeds, free: int, batch: int) -> int:
    """Of `batch` rows, as many as a run computes at once if `micro_batch` is auto, with so many bytes free."""
    if device.type == "cpu":
        parts = math.ceil(batch / cpu_rows(config.final_model))
        batch = math.ceil(batch / parts)
    return rows_that_fit(free, fixed=needed.fixed, per_row=needed.per_row, batch=batch, share=MEMORY_SHARE[device.type])


def _small(config: RunConfig, rows: int) -> RunConfig:
    deepest = config.final_model
    return config.model_copy(update={"batch_size": rows, "model": deepest, "phases": (), "compile": "off", "micro_batch": rows, "ema": 0.0})


def _kept_bytes(trainer: Trainer, rows: int) -> int:
    """Bytes of the tensors that autograd keeps for one segment, without the parameters."""
    own = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    config = trainer.config
    trainer.model.train()
    batch = {name: tensor[:rows] for name, tensor in trainer.batch(0).items()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # (The tensors live as long as the graph, so no address is used twice.)
        carry, outputs = act_step(trainer.model, initial_carry(trainer.model, batch), batch, config.q_continue)
        loss = act_loss(carry, outputs, config.q_continue, config.loss, config.loss_cells)[0]
    del loss, outputs
    return sum(seen.values())


def measure(config: RunConfig, told: Callable[[float], None] = lambda seconds: None) -> dict[str, Any]:
    """Time, memory and disk of a run, and an estimate of the whole. Seconds and bytes. `told`: as for `memory_needs`."""
    device = pick_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    # What the process takes without a model. On a card only the run's own memory counts.
    base = psutil.Process().memory_info().rss if device.type == "cpu" else 0
    needed = memory_needs(config, device, told)
    rows = config.batch_size
    if isinstance(config.micro_batch, int):
        rows = min(config.micro_batch, rows)
    else:
        rows = rows_at_once(config, device, needed, free_memory(device), rows)
    measured: dict[tuple[int, int, str], float] = {}  # by depth: phases of the same depth are compiled once
    compile_seconds = 0.0
    phases, training, reached = [], 0.0, 0
    for number in range(max(1, len(config.phases))):
        depth = config.depth(number)
        last = number >= len(config.phases) - 1
        end = config.steps if last else min(config.steps, depth.until_step or reached + config.steps // 5)
        alike = (depth.H_cycles, depth.L_cycles, depth.gradient)
        if alike not in measured:
            measured[alike], compiling = _seconds_per_step(config, number, rows, device)
            compile_seconds += compiling
        each = measured[alike]
        phases.append({"H_cycles": depth.H_cycles, "L_cycles": depth.L_cycles, "gradient": depth.gradient, "seconds_per_step": each})
        training += max(0, end - reached) * each
        reached = max(reached, end)
    if config.minutes:
        training = min(training, 60 * config.minutes)
    puzzles = sum(s.count for s in config.evaluation) + (config.dataset_test if config.dataset else 0)
    puzzle_seconds = _seconds_per_puzzle(config, device) if puzzles else 0.0
    evaluations = max(1, round(training / each / config.evaluate_every)) if puzzles else 0
    # With the averaged weights beside it, and the states of the batch.
    state = state_bytes(config) + 4 * parameter_count(config.model) + carry_bytes(config, config.batch_size)
    kept = most_checkpoints(config)
    model = make_model(config.final_model.model_copy(update={"num_puzzle_identifiers": 1}))
    memory = base + needed.fixed + int(MARGIN * rows * needed.per_row)
    if device.type == "cpu":
        memory = max(memory, peak_memory())  # this process did the same
    return {
        "device": str(device), "name": describe(model.to(device))["device"], "threads": torch.get_num_threads(),
        "parameters": parameter_count(config.model), "batch_size": config.batch_size, "micro_batch": rows, "compiled": config.compile == "on",
        "compile_seconds": round(compile_seconds, 1), "phases": phases, "seconds_per_step": each, "steps_per_second": 1 / each,
        "examples_per_second": config.batch_size / each, "memory_bytes": memory, "free_bytes": free_memory(device),
        "checkpoint_bytes": state, "disk_bytes": kept * state, "training_seconds": training, "evaluation_seconds": puzzles * puzzle_seconds, "seconds_per_puzzle": puzzle_seconds,
        "estimate_seconds": training + evaluations * puzzles * puzzle_seconds + compile_seconds,
    }  # fmt: skip


def _seconds_per_step(config: RunConfig, phase: int, rows: int, device: torch.device) -> tuple[float, float]:
    """Seconds of one optimizer step of the whole batch at a phase's depth, and how much longer the first one took, for compiling."""
    depth = config.depth(phase)
    model = config.model.model_copy(update={"H_cycles": depth.H_cycles, "L_cycles": depth.L_cycles, "gradient": depth.gradient})
    alone = config.model_copy(update={"model": model, "phases": ()})

    def trainer(count: int) -> Trainer:
        small = alone.model_copy(update={"batch_size": count})
        # A micro-batch is never captured as a CUDA graph, so a few rows that stand for one must not be either.
        captured = None if rows == config.batch_size else False
        return Trainer(small, RandomBatches(small), device=str(device), compiled=config.compile == "on", captured=captured)

    alone_seconds = _of_one(trainer)
    if alone_seconds > _LONGEST:  # more rows at once would take minutes, and are not faster on a CPU
        return alone_seconds * config.batch_size, 0.0
    few = min(rows, _MOST_ROWS)
    probe = trainer(few)
    compiling = _timed(probe, 0)
    few_seconds = _timed(probe, 0)
    compiling -= few_seconds
    short = few_seconds * config.batch_size / few <= _LONGEST and rows == config.batch_size
    few_seconds = few_seconds if short else min(few_seconds, _timed(probe))
    probe.prefetcher.close()
    if short:
        whole = trainer(config.batch_size)
        compiling = _timed(whole, 0)
        found = _timed(whole)
        whole.prefetcher.close()
        return found, max(0.0, compiling - found) if config.compile == "on" else 0.0
    single_seconds = _of_one(trainer, _MEASURED)
    row_seconds = max(few_seconds / few / 10, (few_seconds - single_seconds) / max(1, few - 1)) if few > 1 else few_seconds
    return few_seconds + row_seconds * (config.batch_size - few), max(0.0, compiling) if config.compile == "on" else 0.0


def _of_one(trainer: Callable[[int], Trainer], seconds: float = 0.0) -> float:
    """Seconds of a step of one example."""
    one = trainer(1)
    first = _timed(one, 0)
    found = first if first > _LONGEST and not seconds else _timed(one, seconds)
    one.prefetcher.close()
    return found


def _timed(trainer: Trainer, seconds: float = _MEASURED) -> float:
    """Seconds of the fastest step among steps of so many seconds; at least one is run."""
    best, spent = math.inf, 0.0
    while spent <= seconds:
        took = _once(trainer.train_step, trainer.device)
        best, spent = min(best, took), spent + max(took, 1e-6)
        if seconds == 0:
            break
    return best


def _once(work: Callable[[], Any], device: torch.device) -> float:
    begin = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - begin


def _seconds_per_puzzle(config: RunConfig, device: torch.device) -> float:
    """Seconds that an evaluation takes for one puzzle, with all its segments."""
    dtype = pick_dtype(device, pick_training_dtype(device, config.dtype, config.model.mixer))
    model = make_model(config.final_model.model_copy(update={"forward_dtype": dtype, "num_puzzle_identifiers": 1})).to(device)
    rows = 1
    while True:
        # Of a maze model only cells that exist cost time.
        boards = np.full((rows, model.config.seq_len), OPEN if config.model.mixer == "neighbours" else 0)
        once = min(_once(partial(solve_batch, model, boards, segments=1), device) for _ in range(2))
        if rows == 64 or once > _LONGEST / 8:
            return config.evaluation_segments * once / rows
        rows *= 8


def print_measurements(file: str) -> int:
    """Do what `--measure` asks: print what one example takes, as soon as it is known, and then all, as JSON objects. Returns the exit code: 2 if the file is not a configuration."""
    try:
        config = read_config(Path(file))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        found = measure(config, lambda seconds: print(json.dumps({"row_seconds": round(seconds, 2)}), flush=True))
    except (HRMError, RuntimeError, MemoryError) as error:  # RuntimeError: torch's word for all that a machine cannot do
        found = {"error": first_line(error)}
    print(json.dumps(found))
    return 1 if "error" in found else 0
