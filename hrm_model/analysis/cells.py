"""What can be computed from a Trace for each cell, and the curves over its steps. NumPy only.

Shapes: N steps, S cells, T positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import Floats, blanks, residuals, sudoku_variant, task_of
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.trace.data import LEVEL_H, Array, Trace

_TINY = 1e-12  # a probability below this counts as this, so that logarithms stay finite


def bits(probability: Floats) -> Floats:
    """Entropy of distributions (…, V) → (…): 0 if the answer is certain, log2 V if all are equally likely."""
    return -(probability * np.log2(np.maximum(probability, _TINY))).sum(axis=-1)


def entropy(trace: Trace, first: int = 0) -> Floats:
    """(N − first, S) bits of each cell's distribution."""
    return bits(trace.probability[first:])


def cell_loss(trace: Trace, first: int = 0) -> Floats:
    """(N − first, S) cross entropy −ln p of the right token (softmax, in nats); NaN if no solution is known.

    The training loss may be stablemax; this one is read off the trace's probabilities.
    """
    count, cells = len(trace) - first, len(trace.puzzle.given)
    if trace.puzzle.solution is None:
        return np.full((count, cells), np.nan)
    right = trace.probability[first:, np.arange(cells), np.asarray(trace.puzzle.solution).astype(np.intp)]
    return -np.log(np.maximum(right, _TINY))


def final_since(trace: Trace) -> NDArray[np.intp]:
    """(S,) the first step from which on a cell's answer never changes again."""
    same_as_end = trace.prediction == trace.prediction[-1]
    different = ~same_as_end[::-1]
    # Counted from the end: how many steps until the first that differs.
    return np.where(different.any(axis=0), len(trace) - different.argmax(axis=0), 0)


def answer_changes(trace: Trace) -> NDArray[np.intp]:
    """(N,) cells whose answer differs from the step before; 0 at the first."""
    changed = np.zeros(len(trace), np.intp)
    changed[1:] = (trace.prediction[1:] != trace.prediction[:-1]).sum(axis=1)
    return changed


def previewed(trace: Trace, step: int) -> bool:
    """Whether the L-step before an H step showed its answer already, as a preview does."""
    return step > 0 and np.array_equal(trace.probability[step], trace.probability[step - 1])


SURER = 0.05  # from so much more probability on, a cell counts as surer


def surer_cells(trace: Trace, before: int, step: int) -> NDArray[np.bool_]:
    """(S,) blank cells of whose answer the model is surer at `step` than it was of its answer at `before`, by at least SURER."""
    gain = trace.probability[step].max(axis=1) - trace.probability[before].max(axis=1)
    return np.asarray((gain >= SURER) & blanks(trace))


def cell_residuals(trace: Trace, cells: list[int]) -> Floats:
    """(N, len(cells)) ‖Δz‖ of single cells in the module that moved; NaN without states of single cells."""
    found = np.full((len(trace), len(cells)), np.nan)
    slots_of = len(trace.puzzle.given)
    for level, states, rows in ((LEVEL_H, trace.z_H, trace.h_row), (1 - LEVEL_H, trace.z_L, trace.l_row)):
        if states is not None and len(states) > 1 and not trace.pooled:
            places = np.asarray(cells, np.intp) + states.shape[1] - slots_of
            own = np.asarray(states[:, places], np.float32)
            moved = np.flatnonzero(trace.level == level)
            at = rows[moved]
            found[moved] = np.sqrt(np.square(own[at] - own[at - 1]).sum(axis=-1))
    return found


def cell_breaks(trace: Trace, cells: list[int]) -> NDArray[np.bool_] | None:
    """(N, len(cells)) whether a cell breaks a rule: its digit appears again in its row, column or box, or it breaks the maze's path.

    None if the task knows no rules.
    """
    task = task_of(trace)
    if task is None or not task.known_rules:
        return None
    answers = task.from_tokens(trace.prediction)
    if isinstance(task, MazeTask):
        return np.stack([_maze_breaks(answers, task.from_tokens(trace.puzzle.given), cell, trace.side) for cell in cells], axis=1)
    variant = sudoku_variant(trace)
    assert variant is not None
    return np.stack([(answers[:, c] > 0) & (answers[:, variant.peers[c]] == answers[:, c, None]).any(axis=1) for c in cells], axis=1)


def _maze_breaks(answers: Array, given: Array, cell: int, side: int) -> NDArray[np.bool_]:
    """(N,) whether `maze.faults` counts a cell. Looks at it and its neighbours only, because a long trace of a large maze has millions of cells."""
    row, column = divmod(cell, side)
    near = [
        (row + a) * side + column + b
        for a, b in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= row + a < side and 0 <= column + b < side
    ]
    around = np.full((3, 3), maze.WALL)
    seen = np.full((len(answers), 3, 3), maze.WALL)
    for c in near:
        place = (c // side - row + 1, c % side - column + 1)
        around[place], seen[:, *place] = given[c], answers[:, c]
    return np.asarray(maze.faults(seen.reshape(-1, 9), around.ravel())[:, 4] > 0)


@dataclass(frozen=True)
class StepCurves:
    """Numbers of each step, (N,) each; means are over the cells that the puzzle leaves open."""

    residual: Floats  # ‖Δz‖ of the module that moved
    entropy: Floats  # bits
    loss: Floats  # nats; NaN if no solution is known
    confidence: Floats  # probability of the answer


def step_curves(trace: Trace, known: StepCurves | None = None) -> StepCurves:
    """The curves of a trace. `known`: those of the same run with fewer steps, of which only the new ones are computed."""
    first = 0 if known is None else len(known.residual)
    open_cells = blanks(trace)
    if not open_cells.any():
        open_cells = np.ones_like(open_cells)
    new = StepCurves(
        residuals(trace, first),
        entropy(trace, first)[:, open_cells].mean(axis=1),
        cell_loss(trace, first)[:, open_cells].mean(axis=1),
        trace.probability[first:, open_cells].max(axis=2).mean(axis=1),
    )
    if known is None:
        return new
    return StepCurves(*(np.append(getattr(known, name), getattr(new, name)) for name in StepCurves.__dataclass_fields__))


def segment_ends(trace: Trace) -> NDArray[np.intp]:
    """(segments,) index of each segment's last step."""
    if not len(trace):
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.diff(trace.segment, append=trace.segment[-1] + 1))


def short_step_name(trace: Trace, step: int) -> str:
    """'3.1.L2' is segment 3, H-cycle 1, L-step 2; '3.1.H' the H step that ends that cycle. Counted from 1."""
    place = f"{trace.segment[step] + 1}.{trace.h_cycle[step] + 1}."
    return place + ("H" if trace.level[step] == LEVEL_H else f"L{trace.l_step[step] + 1}")
