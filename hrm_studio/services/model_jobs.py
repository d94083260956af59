"""What views ask of a model (`Reasoner.ask`): each function makes a question that is answered in the worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hrm_model.analysis.attention import call_at
from hrm_model.analysis.states import Basis, fit_basis
from hrm_model.analysis.survey import Surveyed, survey_rows
from hrm_model.errors import MismatchError
from hrm_model.relabel import Relabelling
from hrm_model.tasks.base import Grid, Grids, Task
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import Array, PuzzleInfo, Trace
from hrm_model.trace.recorder import TraceRecorder
from hrm_studio.services.reasoner import identified

if TYPE_CHECKING:
    from hrm_model.model import HRM

T = TypeVar("T")
About = dict[str, Any]
Question = Callable[["HRM", About], Iterator[T | None]]  # None: nothing to tell yet, others may have their turn

_REPORT_EVERY = 1 / 10  # seconds
_BATCH = 16  # puzzles at a time


@dataclass(frozen=True)
class AttentionWeights:
    """The attention of one layer in one module call, between the cells of the board."""

    step: int  # of the call
    layers: int  # of that module
    weights: Array  # (A, S, S) float16: heads, who looks, what is looked at; what goes to puzzle slots is missing from a row's sum


def attention_at(trace: Trace, step: int, layer: int) -> Question[dict[str, AttentionWeights]]:
    """Attention of the last call of both modules up to a step, by 'L' and 'H'. `layer` counts from 0; too high a one means the last."""

    def question(model: HRM, about: About) -> Iterator[dict[str, AttentionWeights]]:
        from hrm_model.recompute import attention

        cells, found = len(trace.puzzle.given), {}
        for level, blocks in (("L", model.L_level.layers), ("H", model.H_level.layers)):
            at = call_at(trace, step, level)
            weights = attention(model, trace, at, min(layer, len(blocks) - 1))
            found[level] = AttentionWeights(at, len(blocks), weights[:, -cells:, -cells:].astype(np.float16))
        yield found

    return question


def thinking(
    task: Task, grid: Grid, segments: int, relabelling: Relabelling | None = None, *, solution: Grid | None = None, name: str = ""
) -> Question[tuple[Trace, int, bool]]:
    """The trace of a model on a puzzle as it grows, with the number of steps that there will be, and whether it is complete.

    `solution`: the answer, where it cannot be computed but is known; `name`: that of the puzzle among those that the model was trained on.

    Relabelled, the model sees the puzzle so; what is told is put back in the place of the original.
    """

    def question(model: HRM, about: About) -> Iterator[tuple[Trace, int, bool] | None]:
        from hrm_model.reasoning import model_info, reason

        if model.config.task != task.name:
            raise MismatchError(f"{about['name']} reads {model.config.task}; the puzzle is {task.name}. Choose another model or puzzle.")
        right = task.solve(grid) if task.known_rules else solution
        answer, number = None if right is None else task.to_tokens(right), identified(model, about, task, name).number
        info = PuzzleInfo(task.name, task.to_tokens(grid), answer, task.format_line(grid), number)
        seen = info if relabelling is None else relabelling.puzzle(info)
        told = model_info(model, about["name"], q_continue=about["q_continue"], sha256=about["sha256"])
        expected = segments * len(model.calls())
        recorder = TraceRecorder(seen, told, capacity=expected)

        def so_far() -> Trace:
            trace = recorder.trace()
            return trace if relabelling is None else replace(relabelling.undone(trace), puzzle=info)

        reported = 0.0
        for step in reason(model, seen.given, segments=segments, puzzle_id=number):
            recorder.add(step)
            if time.perf_counter() - reported > _REPORT_EVERY:
                yield so_far(), expected, False
                reported = time.perf_counter()
            else:
                yield None  # so that newer jobs get their turn
        yield so_far(), expected, True

    return question


def basis_of_set(task_name: str, count: int, segments: int = 8, seed: int = 0) -> Question[Basis]:
    """The principal components of a model's states while it thinks about so many new puzzles; all of them at once, step by step."""

    def question(model: HRM, about: About) -> Iterator[Basis | None]:
        import torch

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
            z_H, z_L = model.initial_state(count)
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

    return question


@dataclass(frozen=True)
class Source:
    """Where many puzzles come from: a file, or a generator with a range of difficulty (clues of a Sudoku, moves of a maze)."""

    task: Task
    count: int
    file: Path | None = None
    low: int | None = None
    high: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """Lines that are new, how many puzzles there will be, and what is being done."""

    rows: list[Surveyed]
    total: int
    doing: str


def evaluating(source: Source, segments: int) -> Question[Progress]:
    """A model over many puzzles, some at a time."""

    def question(model: HRM, about: About) -> Iterator[Progress | None]:
        from hrm_model.survey import run_batch

        task = source.task
        if model.config.task != task.name:
            raise MismatchError(
                f"{about['name']} reads {model.config.task}; these puzzles are {task.name}. Choose another model or other puzzles."
            )
        total = source.count
        yield Progress([], total, "Reading the puzzles …" if source.file else "Making puzzles …")
        if source.file is not None:
            read = read_puzzles(source.file, limit=source.count)
            if read.task != task:
                raise MismatchError(f"{source.file}: holds {read.task.name}; {task.name} was asked for")
            total = len(read)
        for start in range(0, total, _BATCH):
            count = min(_BATCH, total - start)
            puzzles = read.puzzles[start : start + count] if source.file is not None else _made(source, start, count)
            yield None
            solutions = []
            for puzzle in puzzles:
                solutions.append(task.solve(puzzle))
                yield None
            for batch in run_batch(model, task.to_tokens(puzzles), segments):
                if batch is None:
                    yield None
                    continue
                halts = batch.q_halt > (batch.q_continue if about["q_continue"] else 0)
                answers = task.from_tokens(batch.predictions)
                rows = survey_rows(task, puzzles, np.stack(solutions), answers, batch.q_halt, halts, batch.drift)
                yield Progress(rows, total, "Thinking …")

    return question


def _made(source: Source, start: int, count: int) -> Grids:
    """Puzzles whose difficulty goes evenly from `low` to `high` over the whole set, in an order by chance; the same for the same seed."""
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
