"""A plane of states: which states z_H a picture shows, and in which order they are computed so that it sharpens. NumPy only.

Shapes: P pixels of a side, T positions, D width, F = T · D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import pca
from hrm_model.errors import TraceError, UsageError
from hrm_model.trace.data import Array, Trace


@dataclass(frozen=True)
class Plane:
    """Points centre + a · axes[0] + b · axes[1]. Axes are unit vectors at right angles; a and b are in units of ‖z‖, as lengths of states."""

    centre: Array  # (T, D)
    axes: Array  # (2, F)
    label: tuple[str, str]

    def states(self, at: NDArray[np.floating]) -> Array:
        """Coordinates (M, 2) → states (M, T, D) float32."""
        flat = self.centre.reshape(-1) + np.asarray(at, np.float32) @ self.axes
        return np.asarray(flat.reshape(-1, *self.centre.shape), np.float32)

    def coordinates(self, states: Array) -> NDArray[np.floating]:
        """States (M, T, D) → (M, 2), projected."""
        return (np.asarray(states, np.float32).reshape(len(states), -1) - self.centre.reshape(-1)) @ self.axes.T


def plane_of_components(trace: Trace, first: int = 0, second: int = 1, at: int = -1) -> Plane:
    """Through z_H after a step (−1: the last), along two principal components of the trace's z_H. TraceError without states."""
    if trace.z_H is None or trace.pooled:
        raise TraceError("This trace was recorded without full states; a plane needs them.")
    flat = np.asarray(trace.z_H, np.float32).reshape(len(trace.z_H), -1)
    found = pca(flat, max(first, second) + 1)
    axes = found.components[[first, second]]
    if first == second or not (np.abs(axes).sum(axis=1) > 0).all():
        raise UsageError(f"The run's z_H has no components {first + 1} and {second + 1} that differ; take others, or a longer run.")
    row = int(trace.h_row[at])
    names = [f"component {k + 1} ({found.explained[k]:.0%})" for k in (first, second)]
    return Plane(np.asarray(trace.z_H[row], np.float32), axes, (names[0], names[1]))


def grid(side: int, step: float) -> NDArray[np.floating]:
    """(side · side, 2) coordinates around 0, row by row, the second coordinate downwards from its largest."""
    if not 3 <= side <= 201:
        raise UsageError(f"A picture of {side} points a side was asked for; 3 to 201 are possible.")
    line = (np.arange(side) - (side - 1) / 2) * step
    return np.stack([np.tile(line, side), np.repeat(line[::-1], side)], axis=1)


def sharpening(side: int) -> list[NDArray[np.intp]]:
    """Indices of the grid in rounds, every point once: every 16th point of every 16th row first, then every 8th, 4th, 2nd and all."""
    rows, columns = np.divmod(np.arange(side * side), side)
    middle = (side - 1) // 2 % 16  # so that the centre is in the first round
    done, rounds = np.zeros(side * side, bool), []
    for stride in (16, 8, 4, 2, 1):
        now = ((rows - middle) % stride == 0) & ((columns - middle) % stride == 0) & ~done
        done |= now
        if now.any():
            rounds.append(np.flatnonzero(now))
    return rounds


def filled(values: Array, side: int) -> Array:
    """(side · side,) values, NaN where not computed yet, as a picture (side, side) in which each gap shows the nearest computed point."""
    picture = np.array(values, float).reshape(side, side)
    known = ~np.isnan(picture)
    if known.all() or not known.any():
        return picture
    where = np.argwhere(known)
    rows, columns = np.divmod(np.arange(side * side), side)
    out = picture.reshape(-1)
    for at in np.flatnonzero(~known.reshape(-1)):
        out[at] = picture[tuple(where[np.abs(where - (rows[at], columns[at])).max(axis=1).argmin()])]
    return picture
