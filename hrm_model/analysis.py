"""What can be computed from a Trace alone. Neither torch nor Qt is needed.

Shapes: N steps, S cells, V vocabulary, T positions, D width, R rows of kept states. A function of the whole trace takes
`start`: only the figures of the steps from there on are computed, so that a growing trace costs what was added to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.tasks import sudoku
from hrm_model.trace import LEVEL_H, LEVEL_L, Array, Trace

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

_BLOCK = 1 << 21  # numbers held at once in a float32 copy: 8 MB
_BLANK = {"sudoku": 1, "maze": 2}  # the token of a cell that is to be filled in; elsewhere every cell is

# What a cell is at a step, see `cell_marks`.
GIVEN, RIGHT, WRONG, UNKNOWN = 0, 1, 2, 3


# --- projections ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Projection:
    """A linear map of states onto their principal components. F numbers a sample, k components."""

    mean: Floats  # (F,)
    components: Floats  # (k, F), of length 1; zero where the samples vary in fewer directions
    explained: Floats  # (k,), share of the samples' variance, 0…1

    def scores(self, samples: Array) -> Floats:
        """Coordinates (M, k), float32, of samples (M, …) with F numbers each."""
        flat = samples.reshape(len(samples), -1)
        out = np.empty((len(flat), len(self.components)), np.float32)
        for rows in _blocks(len(flat), flat.shape[1]):
            out[rows] = (flat[rows].astype(np.float32) - self.mean) @ self.components.T
        return out


def pca(samples: Array, components: int = 2, like: Projection | None = None) -> Projection:
    """Principal components of samples (M, …), each taken as a flat vector of F numbers. ValueError without a sample.

    Exact but for float32 products, and deterministic: a component points so that its largest number is positive or, given
    an earlier projection of the same kind, so that it agrees with that one's. The smaller of the Gram matrix (M, M) and the
    scatter matrix (F, F) is decomposed, built from blocks, so whole states (F = T·D) cost neither a copy nor an (F, F) array.
    """
    if not len(samples):
        raise ValueError("there is no state to project")
    flat = samples.reshape(len(samples), -1)
    count, width = flat.shape
    mean = np.empty(width, np.float64)
    for columns in _blocks(width, count):
        mean[columns] = flat[:, columns].mean(axis=0, dtype=np.float64)
    mean = mean.astype(np.float32)
    gram = count <= width
    scatter = np.zeros((count, count) if gram else (width, width))
    for block in _blocks(width, count) if gram else _blocks(count, width):
        part = flat[:, block].astype(np.float32) - mean[block] if gram else flat[block].astype(np.float32) - mean
        scatter += part @ part.T if gram else part.T @ part
    values, vectors = np.linalg.eigh(scatter)
    values, vectors = values[::-1][:components], vectors[:, ::-1][:, :components].T.astype(np.float32)
    # What is left of a direction in which nothing varies is rounding: float32 products of numbers about as large as the mean.
    floor = scatter.shape[0] * np.finfo(np.float32).eps * max(values[0], np.square(mean, dtype=np.float64).sum() * 1e-6)
    alive = values > floor
    basis = np.zeros((components, width), np.float32)
    if gram:
        for columns in _blocks(width, count):
            basis[: len(vectors), columns] = vectors @ (flat[:, columns].astype(np.float32) - mean[columns])
    else:
        basis[: len(vectors)] = vectors
    basis[: len(vectors)][~alive] = 0
    length = np.linalg.norm(basis, axis=1, keepdims=True)
    basis /= np.where(length > 0, length, 1)
    explained = np.zeros(components)
    explained[: len(values)] = np.where(alive, values, 0) / max(np.trace(scatter), np.finfo(float).tiny)
    if like is None:
        sign = np.sign(basis[np.arange(components), np.abs(basis).argmax(axis=1)])
    else:
        sign = np.sign((basis * like.components).sum(axis=1))
    return Projection(mean, basis * np.where(sign < 0, -1, 1).astype(np.float32)[:, None], explained)


def participation_ratio(samples: Array) -> float:
    """(Σλ)² / Σλ² over the eigenvalues λ of the covariance of samples (M, F): in how many directions they vary. NaN where none."""
    flat = samples.reshape(len(samples), -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    # Σλ and Σλ² are the trace and the squared Frobenius norm, of either product: no eigenvalue is needed.
    product = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
    squares = float(np.square(product).sum())
    return float(np.trace(product)) ** 2 / squares if squares else float("nan")


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Slices of `count` rows of `width` numbers, each about _BLOCK numbers."""
    size = max(1, _BLOCK // max(1, width))
    return (slice(i, min(i + size, count)) for i in range(0, count, size))


# --- movement of the states -------------------------------------------------------------------------------------------


def residuals(trace: Trace, start: int = 0) -> Floats:
    """Forward residual ‖z_t − z_{t−1}‖ of the state that moved at each step, over all T·D numbers: (N − start,). NaN without states."""
    return _residuals(trace, start, relative=False)


def relative_residuals(trace: Trace, start: int = 0) -> Floats:
    """δ(t) = ‖z_t − z_{t−1}‖ / ‖z_{t−1}‖ of the state that moved: (N − start,). NaN without states, ∞ or NaN from a zero state."""
    return _residuals(trace, start, relative=True)


def _residuals(trace: Trace, start: int, relative: bool) -> Floats:
    out = np.full(len(trace) - start, np.nan)
    for level, states, rows in ((LEVEL_L, trace.z_L, trace.l_row), (LEVEL_H, trace.z_H, trace.h_row)):
        if states is None:
            continue
        for i in np.flatnonzero(trace.level[start:] == level):
            before, after = (states[rows[start + i] + k].astype(np.float32, copy=False).ravel() for k in (-1, 0))
            move = after - before
            norm = np.sqrt(float(move @ move))
            with np.errstate(divide="ignore", invalid="ignore"):
                out[i] = norm / np.sqrt(before @ before) if relative else norm
    return out


def late_drift(trace: Trace, segments: int = 4) -> float:
    """Mean ‖Δz_H‖ over the H steps of the last `segments` segments: small where the run settled. NaN without states."""
    first = int(np.searchsorted(trace.segment, trace.segments - segments))
    moved = trace.level[first:] == LEVEL_H
    return float(residuals(trace, first)[moved].mean()) if moved.any() else float("nan")


def solve_aligned(trace: Trace) -> tuple[NDArray[np.integer], Floats]:
    """(t − first solved step, δ(t)) of the H steps, for averaging over many puzzles; both empty where it was never solved."""
    solved = np.flatnonzero(solved_steps(trace))
    if not len(solved):
        return np.empty(0, int), np.empty(0)
    moved = np.flatnonzero(trace.level == LEVEL_H)
    return moved - solved[0], relative_residuals(trace)[moved]


# --- the answer -------------------------------------------------------------------------------------------------------


def is_sudoku(trace: Trace) -> bool:
    return trace.puzzle.task.startswith("sudoku")


def blanks(trace: Trace) -> Bools:
    """Cells that the model is to fill in, (S,)."""
    token = _BLANK.get(trace.puzzle.task.partition("-")[0])
    given = np.asarray(trace.puzzle.given)
    return np.ones(len(given), bool) if token is None else given == token


def violations(trace: Trace, start: int = 0) -> Floats:
    """E = Σ over rows, columns, boxes and digits of max(0, count − 1), blanks ignored, of each step's answer: (N − start,). NaN if no Sudoku."""
    if not is_sudoku(trace):
        return np.full(len(trace) - start, np.nan)
    variant = sudoku.variant_of_task(trace.puzzle.task)
    return sudoku.violations_batch(sudoku.from_tokens(trace.prediction[start:]), variant).astype(float)


def confidence(trace: Trace, start: int = 0) -> Floats:
    """Mean over the blanks of the probability of the likeliest token: (N − start,), 0…1. NaN where nothing is blank."""
    return _mean(trace.probability[start:].max(axis=-1)[:, blanks(trace)])


def accuracy(trace: Trace, start: int = 0) -> Floats:
    """Share of the blanks that are right: (N − start,), 0…1. NaN where the solution is not known."""
    if trace.puzzle.solution is None:
        return np.full(len(trace) - start, np.nan)
    fill = blanks(trace)
    return _mean(trace.prediction[start:, fill] == np.asarray(trace.puzzle.solution)[fill])


def wrong_cells(trace: Trace, start: int = 0) -> Floats:
    """Number of cells, givens included, that differ from the solution: (N − start,). NaN where it is not known."""
    if trace.puzzle.solution is None:
        return np.full(len(trace) - start, np.nan)
    return (trace.prediction[start:] != trace.puzzle.solution).sum(axis=1).astype(float)


def surprise(trace: Trace, start: int = 0) -> Floats:
    """Mean −ln p(right token) over the blanks, in nats: (N − start,). NaN where the solution is not known."""
    if trace.puzzle.solution is None:
        return np.full(len(trace) - start, np.nan)
    fill = np.flatnonzero(blanks(trace))
    right = trace.probability[start:, fill, np.asarray(trace.puzzle.solution)[fill]]
    return _mean(-np.log(np.maximum(right, np.finfo(np.float32).tiny)))


def solved_steps(trace: Trace, start: int = 0) -> Bools:
    """Which steps' answers are right on every cell: (N − start,). Without a known solution a Sudoku's rules and givens decide; else none."""
    if trace.puzzle.solution is not None:
        return (trace.prediction[start:] == trace.puzzle.solution).all(axis=1)
    if not is_sudoku(trace):
        return np.zeros(len(trace) - start, bool)
    answer, given = trace.prediction[start:], np.asarray(trace.puzzle.given)
    digits = sudoku.from_tokens(answer)
    kept = (answer == given)[:, ~blanks(trace)].all(axis=1)
    return (violations(trace, start) == 0) & (digits > 0).all(axis=1) & kept


def solved_step(trace: Trace) -> int | None:
    """First step from which on the answer is right to the end; None where the last one is not."""
    wrong = np.flatnonzero(~solved_steps(trace))
    first = int(wrong[-1]) + 1 if len(wrong) else 0
    return first if first < len(trace) else None


def changed_cells(trace: Trace, step: int) -> Bools:
    """Cells whose answer differs from the one a step before, (S,). None at the first step, which has nothing before it."""
    return trace.prediction[step] != trace.prediction[max(0, step - 1)]


def changes(trace: Trace, start: int = 0) -> Floats:
    """Number of cells whose answer changed at each step: (N − start,)."""
    out = np.zeros(len(trace) - start)
    first = max(1, start)
    out[first - start :] = (trace.prediction[first:] != trace.prediction[first - 1 : -1]).sum(axis=1)
    return out


def cell_marks(trace: Trace, step: int) -> NDArray[np.int8]:
    """What each cell's answer is at a step, (S,): GIVEN, RIGHT, WRONG or UNKNOWN.

    A given that the model answers wrongly is WRONG. Without a known solution a Sudoku's cells that break a rule are WRONG,
    all others UNKNOWN.
    """
    answer, given = trace.prediction[step], np.asarray(trace.puzzle.given)
    marks = np.full(len(given), UNKNOWN, np.int8)
    if trace.puzzle.solution is not None:
        marks[:] = np.where(answer == trace.puzzle.solution, RIGHT, WRONG)
    elif is_sudoku(trace):
        clash = sudoku.conflicts(sudoku.from_tokens(answer), sudoku.variant_of_task(trace.puzzle.task))
        marks[clash] = WRONG
    fixed = ~blanks(trace)
    marks[fixed] = np.where(answer == given, GIVEN, WRONG)[fixed]
    return marks


def _mean(values: Array) -> Floats:
    """Mean over the last axis, NaN where that is empty."""
    return values.mean(axis=-1, dtype=np.float64) if values.shape[-1] else np.full(values.shape[:-1], np.nan)


# --- halting ----------------------------------------------------------------------------------------------------------


def continue_is_trained(trace: Trace) -> bool:
    """Whether q_continue means anything: a model trained without the continue target leaves it as it was initialised."""
    return bool(trace.model.config.get("q_continue", True))


def would_halt(trace: Trace) -> Bools:
    """After which segments the model would have stopped, (segments done,): q_halt > q_continue, or > 0 where that is not trained."""
    return trace.q_halt > (trace.q_continue if continue_is_trained(trace) else 0)


def segment_ends(trace: Trace) -> NDArray[np.integer]:
    """Index of the last step of each segment that is done, (segments done,)."""
    return np.searchsorted(trace.segment, np.arange(len(trace.q_halt)), side="right") - 1
