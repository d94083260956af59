"""Where states lie: bases for whole states, single cells and both modules together; what a point is coloured by. NumPy only.

Shapes: N steps, R rows (states that a module had, the initial one first), T positions, S cells, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import Floats, Projection, pca
from hrm_model.errors import TraceError
from hrm_model.trace.data import LEVEL_NAMES, Array, Trace

COMPONENTS = 3
_CELL_POINTS = 4000  # rows that a basis of single cells is fitted on, at most
_WHOLE_POINTS = 400  # and one of whole states


@dataclass(frozen=True)
class Basis:
    """Principal components of one module's states: flattened over all positions, and of single cells; and of both modules together."""

    name: str
    whole: dict[str, Projection]  # by 'H' and 'L'; F = T · D
    cells: dict[str, Projection]  # F = D
    together: Projection  # of whole states of both

    @property
    def shape(self) -> tuple[int, int]:
        """(T · D, D) of the states that it fits."""
        return self.whole["H"].mean.shape[0], self.cells["H"].mean.shape[0]


@dataclass(frozen=True)
class Paths:
    """A trace's states in a basis; (R, 3) each, by 'H' and 'L'."""

    apart: dict[str, Floats]
    together: dict[str, Floats]


def states_of(trace: Trace, level: str) -> Array:
    """z_H or z_L, (R, T, D). TraceError if they were not kept."""
    states = trace.z_H if level == "H" else trace.z_L
    if states is None:
        raise TraceError("this trace was recorded without states")
    return states


def fit_basis(name: str, states: dict[str, Array], cells: int) -> Basis:
    """A basis of states (R, T, D) by 'H' and 'L'; the last `cells` of the T positions are the board."""
    flat = {level: z.reshape(len(z), -1)[:: max(1, -(-len(z) // _WHOLE_POINTS))] for level, z in states.items()}
    single = {level: np.asarray(z[:, -cells:], np.float32).reshape(-1, z.shape[-1]) for level, z in states.items()}
    return Basis(
        name,
        {level: pca(z, COMPONENTS) for level, z in flat.items()},
        {level: pca(z[:: max(1, len(z) // _CELL_POINTS)], COMPONENTS) for level, z in single.items()},
        pca(np.concatenate([flat["H"], flat["L"]]), COMPONENTS),
    )


def fit_trace(trace: Trace, first: int = 0) -> Basis:
    """The basis of a trace's own states from a row on; the initial ones are row 0. With no row left, of all."""
    states = {level: states_of(trace, level) for level in "HL"}
    return fit_basis("this trace", {level: z[first:] if len(z) > first else z for level, z in states.items()}, len(trace.puzzle.given))


def fits(basis: Basis, trace: Trace) -> bool:
    """Whether the trace's states have the basis's sizes."""
    z = trace.z_H
    return z is not None and (z.shape[1] * z.shape[2], z.shape[2]) == basis.shape


def paths_in(basis: Basis, trace: Trace) -> Paths:
    """The trace's whole states in a basis."""
    flat = {level: states_of(trace, level).reshape(len(states_of(trace, level)), -1) for level in "HL"}
    return Paths(
        {level: basis.whole[level](z) for level, z in flat.items()},
        {level: basis.together(z) for level, z in flat.items()},
    )


def rotated(points: Floats, yaw: float, pitch: float) -> Floats:
    """(…, 3) seen from a turned place: (…, 3) with x to the right, y upwards, z towards the eye. Angles in radians."""
    a, b = np.cos(yaw), np.sin(yaw)
    c, d = np.cos(pitch), np.sin(pitch)
    turn = np.array([[a, 0, b], [b * d, c, -a * d], [-b * c, d, a * c]])
    return points @ turn.T


def step_of_rows(trace: Trace, level: str) -> NDArray[np.intp]:
    """(R,) the step after which each row of a module's states came; −1 for the initial one."""
    return np.append(-1, np.flatnonzero(trace.level == LEVEL_NAMES.index(level)))


def row_at(trace: Trace, step: int, level: str) -> int:
    """The row of a module's states that holds after a step."""
    return int((trace.h_row if level == "H" else trace.l_row)[step])


def moved_share(trace: Trace, step: int) -> float:
    """‖z_t − z_{t−1}‖ / ‖z_{t−1}‖ of the module that moved at a step; NaN without states."""
    level = LEVEL_NAMES[trace.level[step]]
    states, row = trace.z_H if level == "H" else trace.z_L, row_at(trace, step, level)
    if states is None or row == 0:
        return float("nan")
    before = np.asarray(states[row - 1], np.float32)
    length = float(np.linalg.norm(before))
    return float(np.linalg.norm(np.asarray(states[row], np.float32) - before)) / length if length else float("nan")


def movement(trace: Trace, step: int, level: str) -> Floats:
    """(S,) how far each cell's state moved in the last call of a module up to a step, ‖Δz‖; zeros before the first."""
    states, row, cells = states_of(trace, level), row_at(trace, step, level), len(trace.puzzle.given)
    if row == 0:
        return np.zeros(cells)
    change = np.asarray(states[row, -cells:], np.float32) - np.asarray(states[row - 1, -cells:], np.float32)
    return np.linalg.norm(change, axis=1)


def distance_to_end(trace: Trace, step: int, level: str) -> Floats:
    """(S,) how far each cell's state is from where it ends, ‖z − z_end‖."""
    states, row, cells = states_of(trace, level), row_at(trace, step, level), len(trace.puzzle.given)
    return np.linalg.norm(np.asarray(states[row, -cells:], np.float32) - np.asarray(states[-1, -cells:], np.float32), axis=1)
