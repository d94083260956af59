"""How good a model is: the share of puzzles it solves, with a confidence interval; by number of segments, by halting, by difficulty.

One forward pass of each puzzle: no search, no vote. With several starts, each has a pass, and the model chooses among the answers by q_halt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.lab.noise import Noise
from hrm_model.model import HRM
from hrm_model.reasoning import BatchAnswers, Nudge, reason_batch
from hrm_model.tasks.base import Grids, Task
from hrm_model.tasks.registry import task_named

Z_95 = 1.96
_MOST_BINS = 6
STILL = 0.01  # a state that moved by less than this share of its size in a segment has settled


@dataclass(frozen=True)
class Outcomes:
    """The result for each of N puzzles."""

    exact: NDArray[np.bool_]  # (segments, N) whether all of it is right after 1, 2 … segments
    cells_right: NDArray[np.int32]  # (N,) open cells as in the known answer, after the last segment
    cells_asked: NDArray[np.int32]  # (N,) open cells
    halted: NDArray[np.int32]  # (N,) the first segment after which it would halt; 0 if it never would
    settled: NDArray[np.int32]  # (N,) the first segment in which z_H moved by less than 1 % of its size; 0 if there is none
    q_halt: NDArray[np.float32]  # (N,) after the last segment
    answers: NDArray[np.uint8]  # (N, S) tokens after the last segment; (N, 0) if they were not kept

    def __len__(self) -> int:
        return len(self.cells_right)

    def __getitem__(self, chosen: NDArray) -> Outcomes:
        """The chosen puzzles."""
        return Outcomes(**{f.name: self._of(f.name)[..., chosen] if f.name == "exact" else self._of(f.name)[chosen] for f in fields(self)})

    def _of(self, name: str) -> NDArray:
        return getattr(self, name)  # type: ignore[no-any-return]

    @staticmethod
    def joined(parts: list[Outcomes]) -> Outcomes:
        """Parts one after the other."""
        return Outcomes(
            **{f.name: np.concatenate([p._of(f.name) for p in parts], axis=1 if f.name == "exact" else 0) for f in fields(Outcomes)}
        )


@dataclass(frozen=True)
class Evaluation:
    """Figures over a set of puzzles, after the last segment unless noted otherwise.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> found = hrm_model.evaluate(model, ["2.......42.11.4.", ".3..1.4....2..3."], segments=4)
    >>> found.puzzles, found.exact, [round(share, 2) for share in found.interval]
    (2, 1.0, [0.34, 1.0])
    >>> found.exact_by_segment  # share solved after 1, 2, 3 and 4 segments
    (1.0, 1.0, 1.0, 1.0)
    """

    puzzles: int  # how many
    exact: float  # share of puzzles that are solved (a maze by any shortest path)
    interval: tuple[float, float]  # of `exact`: Wilson, 95 %
    cells: float  # share of open cells that are as in the known answer
    cells_interval: tuple[float, float]  # 95 %, from how much puzzles differ
    mean_segments: float  # until q_halt first says done (all segments if it never does)
    exact_by_segment: tuple[float, ...]  # after 1, 2 … segments
    exact_at_halt: float  # share that is right after the segment where the model would halt
    never_halts: float  # share of puzzles that would use all segments
    mean_to_settle: float  # mean segments until z_H moves by less than 1 % of its size; all of them if it never does
    exact_when_settled: float  # share solved if each had stopped there
    never_settles: float  # share of puzzles
    q_halt_accuracy: float  # share of puzzles for which q_halt at the end is right about the answer


def share_interval(right: NDArray, asked: NDArray, z: float = Z_95) -> tuple[float, float]:
    """95 % interval of Σ right / Σ asked. The cells of one puzzle are not independent, so puzzles are the sample (linearised ratio of two sums)."""
    total = asked.sum()
    if not total:
        return 0.0, 1.0
    share = right.sum() / total
    count = len(right)
    half = z * math.sqrt(float(((right - share * asked) ** 2).sum()) * count / max(1, count - 1)) / total if count > 1 else 1.0
    return max(0.0, float(share - half)), min(1.0, float(share + half))


def evaluate_batches(
    model: HRM,
    puzzles: Grids,
    solutions: Grids,
    identifiers: NDArray[np.int64] | None = None,
    *,
    task: Task | None = None,
    segments: int = 16,
    batch: int = 128,
    q_continue: bool = False,
    keep_answers: bool = False,
    keep_givens: bool = False,
    begin: int = 0,
    starts: int = 1,
    sigma: float = 1.0,
) -> Iterator[Outcomes]:
    """Batch after batch from puzzle `begin` on. `task`: of the puzzles; None: the model's that has so many cells.

    Cells of `solutions` that are 0 are not scored (padding of ARC's boards).

    A puzzle whose solution is 0 everywhere has several: any of them counts as right, and its cells are not scored.

    `starts`: passes of each puzzle. The first begins as the model does, the others with noise of `sigma` times the size of the initial states;
    the outcome is that of the pass with the highest q_halt after the last segment.

    `keep_givens`: only blanks are the model's; for one that never learned to repeat what is given (`loss_cells: blanks`).
    """
    task = task or task_named(model.config.task_of(puzzles.shape[1]))
    model = model.on(task.name)
    for start in range(begin, len(puzzles), batch):
        some = slice(start, start + batch)
        given, known = puzzles[some], solutions[some]
        ids = None if identifiers is None else identifiers[some].tolist()
        passes = []
        for number in range(starts):
            kick = _kick([[number, start + row] for row in range(len(given))], sigma) if number else None
            answers = reason_batch(model, task.to_tokens(given), segments=segments, puzzle_ids=ids, begin=kick)
            passes.append(_outcomes(task, answers, given, known, q_continue, keep_answers, keep_givens))
        yield chosen(passes)


def _kick(seeds: list[list[int]], sigma: float) -> Nudge:
    """Noise on initial states that depends on each puzzle's seed alone."""
    noise = Noise(seeds)
    return lambda z_H, z_L: (noise.on(z_H, sigma), noise.on(z_L, sigma))


def _outcomes(
    task: Task, segments: Iterator[BatchAnswers], given: Grids, known: Grids, q_continue: bool, keep_answers: bool, keep_givens: bool
) -> Outcomes:
    """What came of one pass. Segment by segment, so that a thousand of them need no more memory than one."""
    unknown, open_cells = ~known.any(axis=1), task.blanks(given) & (known != 0)
    exact, halts, still = [], [], []
    for found in segments:
        answers = task.from_tokens(found.predictions[0])
        if keep_givens:
            answers = np.where(task.blanks(given), answers, given)
        right = task.right(answers, given, known)
        if unknown.any():
            right[unknown] = task.right(answers[unknown], given[unknown], None)
        exact.append(right)
        halts.append(found.q_halt[0] > (found.q_continue[0] if q_continue else 0))
        still.append(found.moved[0] < STILL * found.size[0])
    return Outcomes(
        exact=np.stack(exact),
        cells_right=((answers == known) & open_cells).sum(axis=1, dtype=np.int32),
        cells_asked=open_cells.sum(axis=1, dtype=np.int32),
        halted=_first(np.stack(halts)),
        settled=_first(np.stack(still)),
        q_halt=found.q_halt[0].astype(np.float32),
        answers=found.predictions[0].astype(np.uint8) if keep_answers else np.zeros((len(given), 0), np.uint8),
    )


def _first(stops: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(segments, N) → (N,) the first segment with a stop, counted from 1; 0 if there is none."""
    return np.where(stops.any(axis=0), stops.argmax(axis=0) + 1, 0).astype(np.int32)


def chosen(passes: list[Outcomes]) -> Outcomes:
    """Of each puzzle the pass with the highest q_halt."""
    if len(passes) == 1:
        return passes[0]
    best = np.stack([each.q_halt for each in passes]).argmax(axis=0)
    order = np.argsort(np.concatenate([np.flatnonzero(best == k) for k in range(len(passes))]))
    return Outcomes.joined([each[np.flatnonzero(best == k)] for k, each in enumerate(passes)])[order]


def summary(outcomes: Outcomes) -> Evaluation:
    """The figures over all of them; at least one."""
    segments, count = outcomes.exact.shape
    exact, asked = outcomes.exact[-1], int(outcomes.cells_asked.sum())
    stopped, settled = (np.where(first > 0, first, segments) for first in (outcomes.halted, outcomes.settled))
    return Evaluation(
        puzzles=count,
        exact=float(exact.mean()),
        interval=wilson(int(exact.sum()), count),
        cells=float(outcomes.cells_right.sum() / asked) if asked else 1.0,
        cells_interval=share_interval(outcomes.cells_right, outcomes.cells_asked),
        mean_segments=float(stopped.mean()),
        exact_by_segment=tuple(round(float(e), 4) for e in outcomes.exact.mean(axis=1)),
        exact_at_halt=float(outcomes.exact[stopped - 1, np.arange(count)].mean()),
        never_halts=float((outcomes.halted == 0).mean()),
        mean_to_settle=float(settled.mean()),
        exact_when_settled=float(outcomes.exact[settled - 1, np.arange(count)].mean()),
        never_settles=float((outcomes.settled == 0).mean()),
        q_halt_accuracy=float(((outcomes.q_halt > 0) == exact).mean()),
    )


def evaluate(
    model: HRM,
    puzzles: Grids,
    solutions: Grids,
    identifiers: NDArray[np.int64] | None = None,
    *,
    task: Task | None = None,
    segments: int = 16,
    batch: int = 128,
    q_continue: bool = False,
    keep_givens: bool = False,
    after_batch: Callable[[int], None] = lambda count: None,
) -> Evaluation:
    """`summary` of `evaluate_batches`. `after_batch` is called after each batch with its number of puzzles; what it raises ends the evaluation."""
    parts = []
    for part in evaluate_batches(
        model, puzzles, solutions, identifiers, task=task, segments=segments, batch=batch, q_continue=q_continue, keep_givens=keep_givens
    ):
        parts.append(part)
        after_batch(len(part))
    return summary(Outcomes.joined(parts))


def by_difficulty(outcomes: Outcomes, difficulty: NDArray[np.floating]) -> dict[str, Evaluation]:
    """Figures for each value of `difficulty` (N,), or for up to six ranges with about as many puzzles each if it has many values.

    Puzzles of unknown difficulty (NaN) are left out.
    """
    known = np.isfinite(difficulty)
    values = np.unique(difficulty[known])
    if len(values) <= _MOST_BINS:
        ranges = [(v, v) for v in values]
    else:
        edges = np.unique(np.quantile(difficulty[known], np.linspace(0, 1, _MOST_BINS + 1), method="nearest"))
        uppers = [values[values < e].max() for e in edges[1:-1]] + [edges[-1]]
        ranges = list(zip(edges[:-1], uppers, strict=True))
    found = {}
    for low, high in ranges:
        inside = known & (difficulty >= low) & (difficulty <= high)
        if inside.any():
            found[f"{low:g}" if low == high else f"{low:g} to {high:g}"] = summary(outcomes[np.flatnonzero(inside)])
    return found
