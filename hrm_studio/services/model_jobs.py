"""What views compute with a model: each function makes a job that `Reasoner.run` runs in the worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hrm_model.analysis.attention import call_at
from hrm_model.analysis.puzzle_results import LATE, PuzzleResult, puzzle_results
from hrm_model.analysis.states import Basis, fit_basis
from hrm_model.errors import MismatchError
from hrm_model.relabel import Relabelling
from hrm_model.tasks.base import Grid, Grids, Task, short_name
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import Array, PuzzleInfo, Trace
from hrm_studio.services.reasoner import identified

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

T = TypeVar("T")
ModelJob = Callable[["LoadedModel"], Iterator[T | None]]  # yields results; None lets a newer job run first

_BATCH = 16  # puzzles at a time


@dataclass(frozen=True)
class AttentionWeights:
    """The attention of one layer in one module call, between the cells of the board."""

    step: int  # of the call
    layers: int  # of that module
    weights: Array  # (A, S, S) float16: heads, from cell, to cell; the share that goes to puzzle slots is missing from a row's sum


def attention_job(trace: Trace, step: int, layer: int) -> ModelJob[dict[str, AttentionWeights]]:
    """Attention of the last call of both modules up to a step, by 'L' and 'H'. `layer` counts from 0; the last one if it is too high."""

    def job(loaded: LoadedModel) -> Iterator[dict[str, AttentionWeights]]:
        from hrm_model.recompute import attention

        model, cells, found = loaded.model, len(trace.puzzle.given), {}
        for level, blocks in (("L", model.L_level.layers), ("H", model.H_level.layers)):
            at = call_at(trace, step, level)
            weights = attention(model, trace, at, min(layer, len(blocks) - 1))
            found[level] = AttentionWeights(at, len(blocks), weights[:, -cells:, -cells:].astype(np.float16))
        yield found

    return job


@dataclass(frozen=True)
class UnitMessages:
    """How much each unit's message moves a cell in one module call of a symmetric model: lengths of the vectors that are added up. Float32."""

    own: Array  # (S, n) cells, digits
    digits: Array  # (S,)
    units: Array  # (U, n): rows, columns, boxes
    total: Array  # (S, n) of the sum


def messages_job(trace: Trace, step: int) -> ModelJob[UnitMessages]:
    """The messages in the last layer of the module that moved at a step."""

    def job(loaded: LoadedModel) -> Iterator[UnitMessages]:
        from hrm_model.recompute import messages

        found = messages(loaded.model, trace, step)
        yield UnitMessages(*(part.cpu().numpy().copy() for part in (found.own, found.digits, found.units, found.total)))

    return job


def trace_job(
    task: Task, grid: Grid, segments: int, relabelling: Relabelling | None = None, *, solution: Grid | None = None, name: str = ""
) -> ModelJob[tuple[Trace, int]]:
    """The trace of a model on a puzzle as it grows, and the number of steps that it will have.

    `solution`: the answer, if it is known and cannot be computed; `name`: the puzzle's name in the dataset that the model was trained on.
    With a relabelling, the model sees the relabelled puzzle; the trace is translated back to the original.
    """

    def job(loaded: LoadedModel) -> Iterator[tuple[Trace, int] | None]:
        from hrm_model.recording import growing_trace

        loaded.must_read(task.name)
        answer = task.solve(grid) if task.known_rules else solution
        puzzle = PuzzleInfo.of(task, grid, answer, identified(loaded, task, name).number)
        seen = puzzle if relabelling is None else relabelling.puzzle(puzzle)
        expected = segments * len(loaded.model.calls())
        for trace in growing_trace(loaded.model, seen, loaded.info, segments=segments):
            if trace is not None and relabelling is not None:
                trace = replace(relabelling.undone(trace), puzzle=puzzle)
            yield None if trace is None else (trace, expected)

    return job


def basis_job(task_name: str, count: int, segments: int = 8, seed: int = 0) -> ModelJob[Basis]:
    """The principal components of a model's states while it reasons about `count` new puzzles; all of them at once, step by step."""

    def job(loaded: LoadedModel) -> Iterator[Basis | None]:
        import torch

        model = loaded.model.on(task_name)
        task, rng = task_named(task_name), np.random.default_rng(seed)
        puzzles = []
        for _ in range(count):
            puzzles.append(task.generate(1, rng)[0][0])
            yield None
        inputs = torch.as_tensor(task.to_tokens(np.stack(puzzles)), device=model.device)
        states: dict[str, list[Array]] = {"H": [], "L": []}
        model.eval()
        with torch.inference_mode():
            x = model.embed(inputs, torch.zeros(count, dtype=torch.long, device=model.device))
            z_H, z_L = model.initial_state(count, task.cells)
        for _ in range(segments):
            for call in model.calls():
                with torch.inference_mode():
                    z = model.call(call.level, z_H, z_L, x)
                    z_H, z_L = (z, z_L) if call.level == "H" else (z_H, z)
                    if call.level == "H" or call.l_step == 0:  # the first L step of a cycle moves most
                        states[call.level].append(z.float().cpu().numpy())
                yield None
        stacked = {level: np.concatenate(found) for level, found in states.items()}
        yield fit_basis(f"{count} puzzles", stacked, task.cells)

    return job


@dataclass(frozen=True)
class PuzzleSource:
    """Where many puzzles come from: a file, or a generator with a range of difficulty (clues of a Sudoku, moves of a maze)."""

    task: Task
    count: int
    file: Path | None = None
    low: int | None = None
    high: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class EvaluateProgress:
    """New rows, the number of puzzles in all, and what is being done."""

    rows: list[PuzzleResult]
    total: int
    doing: str


def evaluate_job(source: PuzzleSource, segments: int) -> ModelJob[EvaluateProgress]:
    """Let a model reason about many puzzles, some at a time."""

    def job(loaded: LoadedModel) -> Iterator[EvaluateProgress | None]:
        from hrm_model.reasoning import BatchAnswers, reason_batch

        task, total = source.task, source.count
        loaded.must_read(task.name)
        yield EvaluateProgress([], total, "Reading the puzzles …" if source.file else "Making puzzles …")
        if source.file is not None:
            read = read_puzzles(source.file, limit=source.count)
            if read.task != task:
                raise MismatchError(f"{source.file}: contains {short_name(read.task.name)} puzzles, but {short_name(task.name)} is chosen")
            total = len(read)
        for start in range(0, total, _BATCH):
            count = min(_BATCH, total - start)
            puzzles = read.puzzles[start : start + count] if source.file is not None else _made(source, start, count)
            yield None
            solutions = []
            for puzzle in puzzles:
                solutions.append(task.solve(puzzle))
                yield None
            parts: list[BatchAnswers] = []
            for part in reason_batch(loaded.model.on(task.name), task.to_tokens(puzzles), segments=segments):
                parts.append(part)
                yield None
            found = BatchAnswers.joined(parts)
            halts = found.q_halt > (found.q_continue if loaded.q_continue else 0)
            drift = found.moved[-LATE:].mean(axis=0)
            rows = puzzle_results(task, puzzles, np.stack(solutions), task.from_tokens(found.predictions), found.q_halt, halts, drift)
            yield EvaluateProgress(rows, total, "Reasoning …")

    return job


def _made(source: PuzzleSource, start: int, count: int) -> Grids:
    """Puzzles whose difficulty goes evenly from `low` to `high` over the whole set, in random order; the same for the same seed."""
    order = np.random.default_rng(source.seed).permutation(source.count)
    low, high = source.low, source.high
    found = []
    for index in range(start, start + count):
        rng = np.random.default_rng([source.seed, index])
        share = order[index] / max(1, source.count - 1)
        if low is None or high is None:
            found.append(source.task.generate(1, rng)[0][0])
            continue
        wanted = round(low + share * (high - low))
        if isinstance(source.task, MazeTask):
            found.append(source.task.generate(1, rng, min_path=max(2, low, wanted - 2), max_path=min(high, wanted + 2))[0][0])
        else:
            found.append(source.task.generate(1, rng, clues=wanted)[0][0])
    return np.stack(found)
