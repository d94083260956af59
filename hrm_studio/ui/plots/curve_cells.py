"""Curves of the selected cells, one colour for each, in the plots that know values of single cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from hrm_model.analysis.cells import cell_breaks, cell_loss, cell_residuals, entropy
from hrm_model.analysis.core import Floats
from hrm_model.trace.data import LEVEL_H, Trace
from hrm_studio.ui.plots.plot import Plot, legend_entry

MOST_CELLS = 6  # more are not drawn
_BAR, _APART = 0.94, 0.07  # the first bar of rule breaks, and how much lower each next one is: shares of the plot's height

Drawn = list[tuple[str, pg.PlotDataItem]]


def cell_legend(cells: list[int], side: int, colours: tuple[str, ...]) -> str:
    """Which colour is which cell, and how many are not drawn."""
    names = [legend_entry(colours[k], f"{cell // side + 1}, {cell % side + 1}") for k, cell in enumerate(cells[:MOST_CELLS])]
    more = [f"and {len(cells) - MOST_CELLS} more, not drawn"] if len(cells) > MOST_CELLS else []
    return " &nbsp; ".join(["cells (row, column)", *names, *more])


def draw_cells(
    plots: dict[str, Plot], trace: Trace, cells: list[int], colours: tuple[str, ...], rules_top: float
) -> tuple[Drawn, dict[str, float]]:
    """Add the curves; return the items by plot, and each plot's highest value. Cells beyond MOST_CELLS are left out.

    'sureness' is thick while the cell's answer is right; 'residuals' has solid lines for L and dashed ones for H; 'violations', whose
    axis ends at `rules_top`, has a bar as long as the cell breaks a rule.
    """  # fmt: skip
    cells = cells[:MOST_CELLS]
    picked, steps = _only(trace, np.asarray(cells)), np.arange(len(trace))
    drawn: Drawn = []
    highest: dict[str, float] = {}

    def draw(name: str, k: int, values: Floats, **pen: Any) -> None:
        there = np.isfinite(values)
        item = plots[name].plot(steps[there], values[there], pen=pg.mkPen(colours[k], **{"width": 1.5, **pen}))
        drawn.append((name, item))
        highest[name] = max([highest.get(name, 0.0), *values[there].tolist()])

    def stretches(name: str, k: int, height: Floats | float, where: np.ndarray, width: float) -> None:
        """Thick lines while `where` is True. Each reaches half a step to both sides, so that a single step is visible."""
        starts = np.flatnonzero(np.diff(where.astype(int), prepend=0) == 1)
        ends = np.flatnonzero(np.diff(where.astype(int), append=0) == -1)
        heights = np.broadcast_to(height, len(steps))
        x = [[a - 0.5, *range(a, b + 1), b + 0.5, np.nan] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        y = [[heights[a], *heights[a : b + 1], heights[b], np.nan] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        if x:
            pen = pg.mkPen(colours[k], width=width, capStyle=Qt.PenCapStyle.FlatCap)
            item = plots[name].plot(np.concatenate(x), np.concatenate(y), pen=pen, connect="finite")
            drawn.append((name, item))

    moved, high = cell_residuals(trace, cells), trace.level == LEVEL_H
    sure, broken = picked.probability.max(axis=2), cell_breaks(trace, cells)
    undecided, loss = entropy(picked), cell_loss(picked)
    for k in range(len(cells)):
        draw("entropy", k, undecided[:, k])
        draw("loss", k, loss[:, k])
        draw("sureness", k, sure[:, k])
        if picked.puzzle.solution is not None:
            stretches("sureness", k, sure[:, k], picked.prediction[:, k] == picked.puzzle.solution[k], 3.5)
        for of, style in ((~high, Qt.PenStyle.SolidLine), (high, Qt.PenStyle.DashLine)):
            draw("residuals", k, np.where(of & (moved[:, k] > 0), moved[:, k], np.nan), style=style)
        if broken is not None:
            stretches("violations", k, rules_top * (_BAR - _APART * k), broken[:, k], 3.0)
    return drawn, highest


def _only(trace: Trace, cells: np.ndarray) -> Trace:
    """The trace with these cells only, and without states."""
    solution = None if trace.puzzle.solution is None else np.asarray(trace.puzzle.solution)[cells]
    puzzle = replace(trace.puzzle, given=np.asarray(trace.puzzle.given)[cells], solution=solution)
    return replace(trace, puzzle=puzzle, prediction=trace.prediction[:, cells], probability=trace.probability[:, cells], z_H=None, z_L=None)
