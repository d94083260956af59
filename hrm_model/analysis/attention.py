"""Attention weights on a board: neighbourhoods and shares. NumPy only.

Shapes: A heads, S cells. Weights (S, S): row = the cell that looks, column = the cell looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.analysis.core import Floats
from hrm_model.errors import TraceError
from hrm_model.trace.data import LEVEL_NAMES, Trace


def call_at(trace: Trace, step: int, level: str) -> int:
    """The step of the last call of a module ('H' or 'L') up to `step`, or the first call if none came yet."""
    calls = np.flatnonzero(trace.level == LEVEL_NAMES.index(level))
    if not len(calls):
        raise TraceError(f"this trace holds no step of module {level}")
    before = calls[calls <= step]
    return int(before[-1] if len(before) else calls[0])


@dataclass(frozen=True)
class Neighbourhood:
    """Which pairs of cells share a row, a column or a box; (S, S) each, without a cell and itself."""

    row: NDArray[np.bool_]
    column: NDArray[np.bool_]
    box: NDArray[np.bool_] | None  # of its box but neither of its row nor column; None for boards without boxes


def neighbourhood(side: int, box_height: int = 0, box_width: int = 0) -> Neighbourhood:
    """Of a square board with `side` cells along a side."""
    rows, columns = np.divmod(np.arange(side * side), side)
    same_row, same_column = rows[:, None] == rows, columns[:, None] == columns
    itself = same_row & same_column
    box = None
    if box_height and box_width:
        boxes = rows // box_height * side + columns // box_width
        box = (boxes[:, None] == boxes) & ~same_row & ~same_column
    return Neighbourhood(same_row & ~itself, same_column & ~itself, box)


def shares(weights: Floats, around: Neighbourhood) -> dict[str, Floats]:
    """The shares of each cell's attention: 'itself', 'row', 'column', 'box' (the rest of it), 'elsewhere'; (S,) each.

    'elsewhere' holds what goes to other cells and to the puzzle's slots, so that each cell's shares add up to 1.
    """
    found = {"itself": np.asarray(weights).diagonal().astype(float)}
    found["row"] = np.where(around.row, weights, 0).sum(axis=1)
    found["column"] = np.where(around.column, weights, 0).sum(axis=1)
    if around.box is not None:
        found["box"] = np.where(around.box, weights, 0).sum(axis=1)
    found["elsewhere"] = np.clip(1 - sum(found.values()), 0, 1)
    return found


def shares_of(weights: Floats, around: Neighbourhood, cell: int) -> dict[str, float]:
    """`shares` of one cell, without those of all others."""
    row = np.asarray(weights[cell], float)
    found = {"itself": float(row[cell]), "row": float(row[around.row[cell]].sum()), "column": float(row[around.column[cell]].sum())}
    if around.box is not None:
        found["box"] = float(row[around.box[cell]].sum())
    found["elsewhere"] = min(1.0, max(0.0, 1 - sum(found.values())))
    return found
