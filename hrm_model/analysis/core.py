"""What can be computed from a Trace alone: its curves (from `trace/curves.py`) and principal components. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrm_model.trace.curves import (
    Floats,
    accuracy,
    blanks,
    changed_cells,
    confidence,
    halting_segment,
    residuals,
    right_steps,
    solved,
    solved_step,
    sudoku_variant,
    task_of,
    violations,
    would_halt,
)
from hrm_model.trace.verdict import Verdict, verdict

__all__ = [
    "Floats", "Projection", "Verdict", "accuracy", "blanks", "changed_cells", "confidence", "halting_segment", "pca", "residuals",
    "right_steps", "solved", "solved_step", "sudoku_variant", "task_of", "verdict", "violations", "would_halt",
]  # fmt: skip

_BLOCK = 1 << 16  # features at a time


@dataclass(frozen=True)
class Projection:
    """Principal components of a set of points."""

    mean: Floats  # (F,)
    components: Floats  # (K, F), orthonormal; K is 2 unless more were asked for
    explained: Floats  # (K,) share of the variance along each

    def __call__(self, points: Floats) -> Floats:
        """(…, F) → (…, K)."""
        return np.asarray(points, np.float32) @ self.components.T - self.mean @ self.components.T


def pca(points: Floats, count: int = 2) -> Projection:
    """The first principal components of points (M, F), by the smaller of the two Gram matrices. Signs are fixed: the largest entry is positive.

    Wide points are read one block of features at a time, so that they are never copied as a whole.
    """
    points = np.asarray(points)
    rows, width = points.shape
    mean = np.concatenate([points[:, at : at + _BLOCK].mean(axis=0, dtype=np.float64) for at in range(0, width, _BLOCK)]).astype(np.float32)
    components, explained = np.zeros((count, width), np.float32), np.zeros(count)

    def centred(at: int) -> Floats:
        return np.asarray(points[:, at : at + _BLOCK], np.float32) - mean[at : at + _BLOCK]

    if width > rows:
        gram = np.zeros((rows, rows))
        for at in range(0, width, _BLOCK):
            block = centred(at)
            gram += block @ block.T
    else:
        whole = np.asarray(points, np.float32) - mean
        gram = (whole.T @ whole).astype(np.float64)
    total = float(np.trace(gram))
    if total > 0:
        values, vectors = np.linalg.eigh(gram)
        for k in range(min(count, len(values))):
            value, vector = float(values[-1 - k]), vectors[:, -1 - k].astype(np.float32)
            if value <= 1e-9 * total:
                continue
            axis = np.concatenate([centred(at).T @ vector for at in range(0, width, _BLOCK)]) if width > rows else vector
            axis = axis / np.linalg.norm(axis)
            components[k] = axis * np.sign(axis[np.abs(axis).argmax()])
            explained[k] = value / total
    return Projection(mean, components, explained)
