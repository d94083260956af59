"""Curves over the steps of a trace: residuals, violations, confidence and accuracy, Q values. The cursor is a line through all."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QWidget

from hrm_model.analysis import Floats, confidence, residuals
from hrm_model.trace import LEVEL_H, LEVEL_L, Trace
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.views.plots import Plot, dress, new_plot, show_axes, swatch

_REFRESH_MS = 66  # a growing trace is redrawn at most this often


class CurvesView(QWidget):
    """Four plots that share their steps and the cursor. A click moves the cursor."""

    def __init__(self, traces: TraceModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._theme = traces, theme
        self._dressed_for = (False, True)
        self._curve: dict[str, pg.PlotDataItem] = {}
        self._moved: Floats = np.zeros(0)  # residuals found so far: a growing trace adds its new steps only
        layout = QGridLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        tips = {
            "residuals": "How far each module's state moves in one step (‖Δz‖). H falls slowly; L falls within a cycle and jumps after each H step.",
            "violations": "Digits that stand more than once in a row, column or box of the answer.",
            "sureness": "Mean probability of the answer over the blank cells, and the share of them that is right.",
            "q": "The model's own judgement at each segment's end. It would halt where q_halt lies above q_continue (above 0 where that was not learned).",
        }
        self.plots = {name: new_plot() for name in tips}
        for k, (name, plot) in enumerate(self.plots.items()):
            plot.setToolTip(tips[name])
            plot.setMouseEnabled(x=False, y=False)
            plot.setMinimumSize(120, 90)
            layout.addWidget(plot, k // 2, k % 2)
            plot.scene().sigMouseClicked.connect(partial(self._clicked, plot))
            plot.over = partial(self._paint_over, plot)
        self.plots["residuals"].setLogMode(y=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH_MS)
        self._soon.timeout.connect(self._draw)
        traces.trace_replaced.connect(self._replaced)
        traces.trace_grew.connect(self._draw_soon)
        traces.running_changed.connect(self._draw_soon)
        traces.cursor_moved.connect(self._move)
        theme.changed.connect(self._dress)
        self._dress()

    def _replaced(self) -> None:
        self._moved = np.zeros(0)
        if self._shape() == self._dressed_for:
            self._draw()
        else:
            self._dress()

    def _shape(self) -> tuple[bool, bool]:
        """What decides which axes and curves there are: whether a trace is open, and whether its model learned to continue."""
        trace = self._traces.trace
        return trace is not None and len(trace) > 0, self._learned_to_continue(trace)

    def _draw_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _clicked(self, plot: Plot, event: object) -> None:
        position: QPointF = event.scenePos()  # type: ignore[attr-defined]
        self._traces.set_cursor(round(plot.getPlotItem().vb.mapSceneToView(position).x()))

    def _move(self) -> None:
        for plot in self.plots.values():
            plot.repaint_over()

    def _paint_over(self, plot: Plot, painter: QPainter) -> None:
        """Thin lines where segments begin, dots where the model would halt, dashes where the solution is there, and the cursor."""
        trace, colours = self._traces.trace, self._theme.palette
        if trace is None or not len(trace):
            return
        starts = np.flatnonzero(np.diff(trace.segment)) + 0.5
        if len(starts) > 32:
            starts = starts[:: len(starts) // 16]
        lines = [(start, pg.mkPen(colours.color("border", 0.7), width=1)) for start in starts.tolist()]
        verdict = self._traces.verdict
        if verdict.halting is not None:
            pen = pg.mkPen(colours.muted, width=1.5, style=Qt.PenStyle.DotLine)
            lines.append((trace.segment_end(verdict.halting), pen))
        if verdict.solved is not None:
            lines.append((verdict.solved, pg.mkPen(colours.right, width=1.5, style=Qt.PenStyle.DashLine)))
        lines.append((self._traces.cursor, pg.mkPen(colours.accent, width=1.5)))
        for (x, _), (_, pen) in zip(plot.to_pixels([(x, 0) for x, _ in lines]).tolist(), lines, strict=True):
            painter.setPen(pen)
            painter.drawLine(QPointF(x, 0), QPointF(x, plot.height()))

    def _dress(self) -> None:
        """Titles, axes, colours, and the curves without their data."""
        colours, trace = self._theme.palette, self._traces.trace
        self._dressed_for = self._shape()
        for name, plot in self.plots.items():
            plot.clear()
            dress(plot, colours, self._title(name, trace))
            show_axes(plot, self._dressed_for[0])

        def curve(plot: str, colour: str, **style: Any) -> pg.PlotDataItem:
            return self.plots[plot].plot(pen=pg.mkPen(colour, width=1.5), **style)

        def dots(colour: str) -> dict[str, Any]:
            return {"symbol": "o", "symbolSize": 5, "symbolPen": None, "symbolBrush": colour}

        self._curve = {
            "H": curve("residuals", colours.level_H),
            "L": curve("residuals", colours.level_L),
            "violations": curve("violations", colours.wrong, fillLevel=0, brush=colours.color("wrong", 0.18)),
            "confidence": curve("sureness", colours.series[3]),
            "accuracy": curve("sureness", colours.right),
            "q_halt": curve("q", colours.right, **dots(colours.right)),
        }
        if self._learned_to_continue(trace):
            self._curve["q_continue"] = curve("q", colours.warning, **dots(colours.warning))
        else:
            pen = pg.mkPen(colours.muted, width=1, style=Qt.PenStyle.DashLine)
            self.plots["q"].addItem(pg.InfiniteLine(0, angle=0, pen=pen))
        self._draw()

    def _draw(self) -> None:
        """The trace's data into the curves."""
        trace = self._traces.trace
        if trace is None or not len(trace):
            return
        steps, verdict = np.arange(len(trace)), self._traces.verdict
        self._moved = moved = np.append(self._moved, residuals(trace, len(self._moved)))
        for name, level in (("H", LEVEL_H), ("L", LEVEL_L)):
            at = (trace.level == level) & (moved > 0)
            self._curve[name].setData(steps[at], moved[at])
        self.plots["residuals"].getPlotItem().getAxis("left").setTicks([log_ticks(moved[moved > 0])])
        self._curve["violations"].setData(steps, verdict.violations)
        self.plots["violations"].setYRange(0, max(3.0, float(np.nanmax(np.append(verdict.violations, 3.0)))), padding=0.05)
        self._curve["confidence"].setData(steps, confidence(trace))
        self._curve["accuracy"].setData(steps, verdict.accuracy)
        self.plots["sureness"].setYRange(0, 1, padding=0.03)
        ends = np.array([trace.segment_end(k) for k in range(len(trace.q_halt))], dtype=int)
        self._curve["q_halt"].setData(ends, trace.q_halt)
        if "q_continue" in self._curve:
            self._curve["q_continue"].setData(ends, trace.q_continue)
        for plot in self.plots.values():
            plot.setXRange(-0.5, max(1, self._traces.steps - 0.5), padding=0)
            plot.redraw()

    @staticmethod
    def _learned_to_continue(trace: Trace | None) -> bool:
        return trace is None or bool(trace.model.config.get("q_continue", True))

    def _title(self, name: str, trace: Trace | None) -> str:
        colours = self._theme.palette
        if name == "residuals":
            return f"residual &nbsp; {swatch(colours.level_H, 'H')} &nbsp; {swatch(colours.level_L, 'L')}"
        if name == "violations":
            return "rule violations"
        if name == "sureness":
            return f"{swatch(colours.series[3], 'confidence')} {swatch(colours.right, 'accuracy')}"
        halt = swatch(colours.right, "q_halt")
        if not self._learned_to_continue(trace):
            return f"{halt} (halts above 0)"
        return f"{halt} &nbsp; {swatch(colours.warning, 'q_continue')}"


def log_ticks(values: np.ndarray) -> list[tuple[float, str]]:
    """Ticks (log10 of the value, its text) of a logarithmic axis: whole decades, with 2 and 5 between where these are few."""
    if not len(values):
        return []
    low, high = np.log10(values.min()), np.log10(values.max())
    factors = (1, 2, 5) if high - low < 1.7 else (1,)
    found = [f * 10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1) for f in factors]
    return [(float(np.log10(v)), f"{v:g}") for v in found]
