"""Plots of a comparison: state trajectories of all panes in one basis, and accuracy over segments."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QTimer
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout

from hrm_model.analysis.compare import CommonPlane, common_plane, planes_beside, steps_of_segment
from hrm_model.trace.data import Trace
from hrm_studio.models.comparison import LETTERS, Comparison, Pane
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.plots.plot import legend_entry, new_plot, polygon, share_axis, show_axes, style_plot
from hrm_studio.ui.widgets.view import View

_REFIT_MS = 300
_LEFT_WIDTH = 40  # pixels of the axis of shares
_LETTER = 16  # pixels of height


class ComparePlots(View):
    """z_H and z_L of all panes in one PCA plane, fitted on all of them together, and the accuracy of each pane."""

    def __init__(self, comparison: Comparison, background: Background, theme: Theme) -> None:
        super().__init__()
        self._comparison, self._background, self._theme = comparison, background, theme
        self.planes: dict[str, CommonPlane | None] = {}
        self._fitted: list[Pane] = []
        self._fitting = False
        self.plots = {name: new_plot() for name in ("H", "L", "right")}
        tip = "The states of all panes in one PCA plane, fitted on all of them together, so that trajectories can be compared. Models of different width have a plane each, side by side: then only the shapes can be compared."
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for name, plot in self.plots.items():
            plot.setMouseEnabled(x=False, y=False)
            plot.setMinimumSize(120, 110)
            plot.over = partial(self._paint_right if name == "right" else self._paint_path, name)
            plot.setToolTip(
                "Share of the blank cells that are sure and right, over the segments: what the boards show." if name == "right" else tip
            )
            row.addWidget(plot)
        share_axis(self.plots["right"], _LEFT_WIDTH)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFIT_MS)
        self._soon.timeout.connect(self._fit)
        self.follow(
            [
                (comparison.panes_changed, self._renew),
                (comparison.grew, self._grew),
                (comparison.moved, self._repaint),
                (theme.changed, self._draw),
            ],
            self._renew,
        )

    def _renew(self) -> None:
        self.planes, self._fitted = {}, []
        self._draw()
        self._grew()

    def _grew(self) -> None:
        if not self._soon.isActive():
            self._soon.start()
        self._draw_right()

    def _fit(self) -> None:
        panes = [pane for pane in self._comparison.panes if pane.traces.trace is not None]
        traces = [pane.traces.trace for pane in panes if pane.traces.trace is not None]
        if self._fitting:
            self._soon.start()
            return
        if not traces:
            self.planes, self._fitted = {}, []
            self._draw()
            return
        self._fitting = True
        self._background.run(
            lambda: {level: common_plane(traces, level) or planes_beside(traces, level) for level in "HL"}, lambda planes: self._fits_found(panes, planes)
        )  # fmt: skip

    def _fits_found(self, panes: list[Pane], planes: dict[str, CommonPlane | None]) -> None:
        self._fitting = False
        if all(pane in self._comparison.panes for pane in panes):
            self.planes, self._fitted = planes, panes
        self._draw()

    def _colour(self, pane: Pane) -> str:
        return self._theme.palette.series[self._comparison.panes.index(pane)]

    def _draw(self) -> None:
        palette = self._theme.palette
        for level in "HL":
            plot, found = self.plots[level], self.planes.get(level)
            plot.clear()
            name = "slow module H" if level == "H" else "fast module L"
            words = f"{name}, shared PCA"
            if found is None and self._fitted:
                words = f"{name}: traces without states"
            elif found is not None and found.plane is None:
                letters = ", ".join(LETTERS[self._comparison.panes.index(pane)] for pane in self._fitted)
                words = f"{name}, a PCA each: {letters}"
            style_plot(plot, palette, words)
            show_axes(plot, found is not None and found.plane is not None)
            if found is not None:
                for pane, path in zip(self._fitted, found.paths, strict=True):
                    colour = pg.mkColor(self._colour(pane))
                    colour.setAlphaF(0.35)
                    plot.plot(path, pen=pg.mkPen(colour, width=1))
                shares = [] if found.plane is None else found.plane.explained[:2].tolist()
                for number, (axis, share) in enumerate(zip(("bottom", "left"), shares, strict=False), 1):
                    plot.setLabel(axis, f"PC {number} ({share:.0%})", color=palette.muted, **{"font-size": "8pt"})
                low, high = found.low.tolist(), found.high.tolist()
                plot.setRange(xRange=(low[0], high[0]), yRange=(low[1], high[1]), padding=0.07)
            plot.redraw()
        self._draw_right()

    def _draw_right(self) -> None:
        plot, palette = self.plots["right"], self._theme.palette
        plot.clear()
        there = [pane for pane in self._comparison.panes if pane.traces.trace is not None]
        names = " &nbsp; ".join(legend_entry(self._colour(p), LETTERS[self._comparison.panes.index(p)]) for p in there)
        style_plot(plot, palette, f"right, by segment &nbsp; {names}")
        show_axes(plot, bool(there))
        longest = 1.0
        for pane in there:
            trace = pane.traces.trace
            assert trace is not None
            counts = pane.traces.verdict.counts
            x, y = _in_segments(trace), counts.right / max(1, counts.cells)
            longest = max(longest, float(x[-1]))
            known = np.isfinite(y)
            plot.plot(x[known], y[known], pen=pg.mkPen(self._colour(pane), width=1.7))
        plot.setXRange(0, longest, padding=0.01)
        plot.redraw()

    def _repaint(self) -> None:
        for plot in self.plots.values():
            plot.repaint_over()

    def _paint_path(self, level: str, painter: QPainter) -> None:
        found = self.planes.get(level)
        if found is None:
            return
        for pane, path in zip(self._fitted, found.paths, strict=True):
            trace, step = pane.traces.trace, pane.traces.cursor
            if trace is None or step < 0 or pane not in self._comparison.panes:
                continue
            rows = trace.h_row if level == "H" else trace.l_row
            row = min(int(rows[min(step, len(rows) - 1)]), len(path) - 1)
            trail = polygon(self.plots[level].to_pixels(path[: row + 1]))
            colour = self._theme.palette.series[self._comparison.panes.index(pane)]
            painter.setPen(QPen(pg.mkColor(colour), 1.8))
            painter.drawPolyline(trail)
            painter.setPen(QPen(self._theme.palette.color("surface"), 1.5))
            painter.setBrush(pg.mkColor(colour))
            painter.drawEllipse(trail.last(), 6, 6)
            painter.setPen(pg.mkPen(self._theme.palette.text))
            top = self.plots[level].getViewBox().sceneBoundingRect().top()
            above = trail.last().y() - 5 if trail.last().y() > top + _LETTER else trail.last().y() + _LETTER
            painter.drawText(QPointF(trail.last().x() + 7, above), LETTERS[self._comparison.panes.index(pane)])

    def _paint_right(self, _: str, painter: QPainter) -> None:
        clock = self._comparison.clock
        if clock.trace is None or clock.cursor < 0:
            return
        x = float(self.plots["right"].to_pixels([(float(_in_segments(clock.trace)[clock.cursor]), 0)])[0, 0])
        painter.setPen(pg.mkPen(self._theme.palette.accent, width=1.5))
        painter.drawLine(round(x), 0, round(x), self.plots["right"].height())


def _in_segments(trace: Trace) -> np.ndarray:
    """(N,) the position of each step, in segments from the start."""
    whole = steps_of_segment(trace)
    steps = np.arange(len(trace))
    return trace.segment + (steps - np.searchsorted(trace.segment, trace.segment) + 1) / whole
