"""Curves over the steps of a trace, for all cells and for the selected ones. A line through all plots is the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from hrm_model.analysis.cells import StepCurves, segment_ends, step_curves
from hrm_model.analysis.core import Floats
from hrm_model.trace.data import LEVEL_H, LEVEL_L, Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.plots.curve_cells import cell_legend, draw_cells
from hrm_studio.ui.plots.curve_titles import curve_title, learned_to_continue
from hrm_studio.ui.plots.log_ticks import tick_levels
from hrm_studio.ui.plots.plot import Plot, SegmentAxis, new_plot, share_axis, show_axes, style_plot
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

_REFRESH_MS = 66  # a growing trace is redrawn at most this often
_LEFT_WIDTH = 38  # pixels of every left axis, so that the plots' left edges stand in line
_MARK_PIXELS = 11
_AT_ONCE = 400_000  # up to so many probabilities, curves are computed in the GUI thread; beyond, in the background


@dataclass(frozen=True)
class CurvePanel:
    """One of the plots."""

    name: str
    label: str
    tip: str
    shown: bool


PANELS = (
    CurvePanel("sureness", "Right", "Of the blank cells: the share that the board shows right and the share it shows wrong; what is missing to 100 % is undecided. Dashed: right if every cell took its likeliest candidate. Sure: the mean probability of the answer. Selected cells: how sure the model is of each; thick while its answer is right.", True),
    CurvePanel("violations", "Rule breaks", "How many rules the board breaks: a digit twice in a row, column or box; a gap in a maze's path. Dashed: with the likeliest candidates of undecided cells. Selected cells: a bar at the top while the answer, or the likeliest candidate, breaks one.", True),
    CurvePanel("residuals", "Movement", "How far each module's state moves in a step (the residual ‖Δz‖). L mostly moves less from step to step within a cycle and more again after an H step. In the 9×9 and maze models both shrink as the answer settles; in the small Sudoku models H goes on swinging after it. Selected cells: solid lines for L, dashed ones for H.", True),
    CurvePanel("q", "Halting", "What the model thinks of its answer at the end of each segment. It would halt if q_halt is above q_continue (above 0 if the model did not learn q_continue).", True),
    CurvePanel("entropy", "Entropy", "How undecided the model is, in bits per cell: 0 is certain, 1 is a toss-up between two answers.", False),
    CurvePanel("loss", "Loss", "How improbable the model finds the right answer (cross entropy, nats per cell). Dots mark the ends of segments.", False),
)  # fmt: skip


class CurvesView(View):
    """Plots with a common x axis. A click moves the cursor. Selected cells get curves of their own."""

    def __init__(
        self,
        traces: TraceModel,
        theme: Theme,
        selection: Selection | None = None,
        background: Background | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._traces, self._theme = traces, theme
        self._selection, self._background = selection or Selection(self), background
        self._styled_for: tuple[bool, bool, str] | None = None
        self.lines: dict[str, pg.PlotDataItem] = {}
        self.cell_lines: list[tuple[str, pg.PlotDataItem]] = []
        self.known: StepCurves | None = None  # if the trace grows, only the new steps are computed
        self._run = 0  # counts traces, so that late results for another one are dropped
        self._computing = False
        self._switches: dict[str, QToolButton] = {}
        self._lowest: set[str] = set()
        self.plots = {panel.name: new_plot(SegmentAxis()) for panel in PANELS}
        bar = FlowRow()
        for panel in PANELS:
            switch = QToolButton(text=panel.label, checkable=True, checked=panel.shown, toolTip=panel.tip, objectName="chip")
            switch.toggled.connect(self._lay_out)
            bar.row.addWidget(switch)
            self._switches[panel.name] = switch
            plot = self.plots[panel.name]
            plot.setParent(self)  # a plot that is never shown must be deleted with this view too
            plot.setToolTip(panel.tip)
            plot.setMouseEnabled(x=False, y=False)
            plot.getPlotItem().getAxis("left").setWidth(_LEFT_WIDTH)
            plot.setMinimumSize(100, 48)  # three rows fit where two did: a chip must not move away under the mouse
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)  # rows and columns share the room evenly
            plot.scene().sigMouseClicked.connect(partial(self._clicked, plot))
            plot.over, plot.fixed = partial(self._paint_over, plot), partial(self._paint_marks, plot)
        share_axis(self.plots["sureness"], _LEFT_WIDTH)
        # Beside the chips: the plots' titles are too narrow for it.
        self.legend = QLabel("", objectName="muted", visible=False, textFormat=Qt.TextFormat.RichText)
        bar.row.addWidget(self.legend)
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(bar)
        layout.addLayout(self._grid, 1)
        self._lay_out()
        self.plots["residuals"].setLogMode(y=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REFRESH_MS)
        self._soon.timeout.connect(self._draw_if_shown)
        self.follow(
            [
                (traces.trace_replaced, self._replaced),
                (traces.trace_grew, self._draw_soon),
                (traces.running_changed, self._draw_soon),
                (traces.cursor_moved, self._move),
                (self._selection.changed, self._draw_cells),
                (theme.changed, self._style),
            ],
            self._replaced,
        )

    def shown(self) -> list[str]:
        """Names of the plots that are shown."""
        return [name for name, switch in self._switches.items() if switch.isChecked()]

    def set_shown(self, names: list[str]) -> None:
        for name, switch in self._switches.items():
            switch.setChecked(name in names)

    def _lay_out(self) -> None:
        """Lay out the shown plots in two columns; a single one fills both."""
        names = self.shown()
        for plot in self.plots.values():
            self._grid.removeWidget(plot)
            plot.setVisible(False)
        for k, name in enumerate(names):
            wide = k == len(names) - 1 and k % 2 == 0
            self._grid.addWidget(self.plots[name], k // 2, k % 2, 1, 2 if wide else 1)
            self.plots[name].setVisible(True)
        for row in range(len(PANELS)):
            self._grid.setRowStretch(row, 1 if row < -(-len(names) // 2) else 0)
        # Only the lowest plot of a column shows the common x axis.
        self._lowest = set(names[-2:])
        self._show_axes()
        if self.following:
            self._draw()

    def _show_axes(self) -> None:
        there = self._shape()[0]
        for name, plot in self.plots.items():
            show_axes(plot, there)
            plot.getPlotItem().showAxis("bottom", there and name in self._lowest)

    # Drawing ---------------------------------------------------------------------------------------------------------

    def _replaced(self) -> None:
        self.known = None
        self._run += 1
        if self._shape() == self._styled_for:
            self._draw()
        else:
            QTimer.singleShot(0, self, self._draw)  # new axes and curves take a while; let other views go first

    def _shape(self) -> tuple[bool, bool, str]:
        """What the axes and curves depend on: whether a trace is open, whether its model has q_continue, and the palette."""
        trace = self._traces.trace
        return trace is not None and len(trace) > 0, learned_to_continue(trace), self._theme.palette.name

    def _draw_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _draw_if_shown(self) -> None:
        """While the view is hidden, another trace may have been opened: then the curves of the old one must not be drawn."""
        if self.following:
            self._draw()

    def _clicked(self, plot: Plot, event: object) -> None:
        position: QPointF = event.scenePos()  # type: ignore[attr-defined]
        self._traces.set_cursor(round(plot.getPlotItem().vb.mapSceneToView(position).x()))

    def _move(self) -> None:
        for name in self.shown():
            self.plots[name].repaint_over()

    def _paint_marks(self, plot: Plot, painter: QPainter) -> None:
        """Thin lines at the segments' starts, a dotted line and ◆ where the model would halt, a dashed one and ★ where the answer is right for good."""
        trace, colours = self._traces.trace, self._theme.palette
        if trace is None or not len(trace):
            return
        starts = np.flatnonzero(np.diff(trace.segment)) + 0.5
        if len(starts) > 32:
            starts = starts[:: len(starts) // 16]
        lines = [(start, pg.mkPen(colours.color("border", 0.7), width=1)) for start in starts.tolist()]
        verdict = self._traces.verdict
        marks: list[tuple[int, str, str]] = []
        if verdict.halting is not None:
            pen = pg.mkPen(colours.muted, width=1.5, style=Qt.PenStyle.DotLine)
            lines.append((trace.segment_end(verdict.halting), pen))
            marks.append((trace.segment_end(verdict.halting), "◆", colours.warning))
        if verdict.solved is not None:
            lines.append((verdict.solved, pg.mkPen(colours.right, width=1.5, style=Qt.PenStyle.DashLine)))
            marks.append((verdict.solved, "★", colours.right))
        place = plot.getPlotItem().vb.sceneBoundingRect()
        for (x, _), (_, pen) in zip(plot.to_pixels([(x, 0) for x, _ in lines]).tolist(), lines, strict=True):
            painter.setPen(pen)
            painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))
        font = QFont(self.font())
        font.setPixelSize(_MARK_PIXELS)
        painter.setFont(font)
        for step, mark, colour in marks:
            x, side = float(plot.to_pixels([(step, 0)])[0, 0]), -1 if mark == "★" else 1  # on both sides, for both may stand at one step
            painter.setPen(QColor(colour))
            painter.drawText(
                QRectF(x + side * 7 - _MARK_PIXELS / 2, place.top(), _MARK_PIXELS, _MARK_PIXELS + 2), Qt.AlignmentFlag.AlignCenter, mark
            )

    def _paint_over(self, plot: Plot, painter: QPainter) -> None:
        """Paint the cursor."""
        if self._traces.trace is not None and self._traces.cursor >= 0:
            x = float(plot.to_pixels([(self._traces.cursor, 0)])[0, 0])
            painter.setPen(QPen(self._theme.palette.color("accent"), 1.5))
            place = plot.getPlotItem().vb.sceneBoundingRect()
            painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))

    def _style(self) -> None:
        """Set titles, axes and colours, and make the curves without data."""
        self._styled_for = self._shape()
        colours, trace = self._theme.palette, self._traces.trace
        verdict = self._traces.verdict if trace is not None and len(trace) else None
        for name, plot in self.plots.items():
            plot.clear()
            style_plot(plot, colours, curve_title(name, trace, verdict, colours))
        self._show_axes()
        self.cell_lines = []

        def curve(plot: str, colour: str, **style: Any) -> pg.PlotDataItem:
            return self.plots[plot].plot(pen=pg.mkPen(colour, width=1.5), **style)

        def dashed(plot: str, colour: str) -> pg.PlotDataItem:
            return self.plots[plot].plot(pen=pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))

        def dots(colour: str) -> dict[str, Any]:
            return {"symbol": "o", "symbolSize": 5, "symbolPen": None, "symbolBrush": colour}

        self.lines = {
            "H": curve("residuals", colours.level_H),
            "L": curve("residuals", colours.level_L),
            "violations": curve("violations", colours.wrong, fillLevel=0, brush=colours.color("wrong", 0.18)),
            "guess_violations": dashed("violations", colours.wrong),
            "confidence": curve("sureness", colours.series[3]),
            "guess_right": dashed("sureness", colours.right),
            "wrong": curve("sureness", colours.wrong),
            "right": curve("sureness", colours.right),
            "entropy": curve("entropy", colours.series[0], fillLevel=0, brush=pg.mkColor(colours.series[0] + "28")),
            "loss": curve("loss", colours.series[1]),
            "loss_ends": self.plots["loss"].plot(pen=None, **dots(colours.series[1])),
            "q_halt": curve("q", colours.right, **dots(colours.right)),
        }
        if learned_to_continue(trace):
            self.lines["q_continue"] = curve("q", colours.warning, **dots(colours.warning))
        else:
            pen = pg.mkPen(colours.muted, width=1, style=Qt.PenStyle.DashLine)
            self.plots["q"].addItem(pg.InfiniteLine(0, angle=0, pen=pen))
        self._draw()

    def _draw(self) -> None:
        """Fill the curves with the trace's data; compute it first, in the background if it is much."""
        if self._shape() != self._styled_for:
            self._style()
            return
        trace = self._traces.trace
        if trace is None or not len(trace):
            return
        known = self.known
        if known is not None and len(known.residual) == len(trace):
            self._fill(trace, known)
            return
        new = len(trace) - (len(known.residual) if known is not None else 0)
        if self._background is None or new * trace.probability[0].size <= _AT_ONCE:
            self.known = step_curves(trace, known)
            self._fill(trace, self.known)
        elif not self._computing:
            self._computing = True
            run = self._run
            self._background.run(lambda: step_curves(trace, known), lambda found: self._computed(run, found))

    def _computed(self, run: int, found: StepCurves) -> None:
        self._computing = False
        if run == self._run:
            self.known = found
        if self.following:
            self._draw()

    def _fill(self, trace: Trace, curves: StepCurves) -> None:
        steps, verdict, ends = np.arange(len(trace)), self._traces.verdict, segment_ends(trace)[: len(trace.q_halt)]
        moved = curves.residual
        for name, level in (("H", LEVEL_H), ("L", LEVEL_L)):
            at = (trace.level == level) & (moved > 0)
            self.lines[name].setData(steps[at], moved[at])
        self.plots["residuals"].getPlotItem().getAxis("left").setTicks(
            tick_levels(moved[moved > 0], self.plots["residuals"].getPlotItem().vb.height())
        )
        counts = verdict.counts
        self.lines["violations"].setData(*_finite(steps, counts.breaks))
        guessing = counts.guess_breaks.any() and np.isfinite(counts.guess_breaks).any()
        self.lines["guess_violations"].setData(*(_finite(steps, counts.breaks + counts.guess_breaks) if guessing else ([], [])))
        for name, plot in self.plots.items():
            title = curve_title(name, trace, verdict, self._theme.palette)
            style_plot(plot, self._theme.palette, title)  # the trace may have another task, or lack states or a solution
        self.plots["violations"].setYRange(0, self._rules_top(), padding=0.05)
        self.lines["confidence"].setData(steps, curves.confidence)
        cells = max(1, counts.cells)
        self.lines["right"].setData(*_finite(steps, counts.right / cells))
        self.lines["wrong"].setData(*_finite(steps, counts.wrong / cells))
        guesses = (counts.right + counts.right_guesses) / cells if counts.undecided.any() else np.full(len(steps), np.nan)
        self.lines["guess_right"].setData(*_finite(steps, guesses))
        self.lines["entropy"].setData(steps, curves.entropy)
        self.plots["entropy"].setYRange(0, max(0.5, _top(curves.entropy)), padding=0.05)
        self.lines["loss"].setData(*_finite(steps, curves.loss))
        self.lines["loss_ends"].setData(*_finite(ends, curves.loss[ends]))
        self.plots["loss"].setYRange(0, max(0.2, _top(curves.loss)), padding=0.05)
        self.lines["q_halt"].setData(ends, trace.q_halt[: len(ends)])
        if "q_continue" in self.lines:
            self.lines["q_continue"].setData(ends, trace.q_continue[: len(ends)])
        for plot in self.plots.values():
            plot.setXRange(-0.5, max(1, self._traces.steps - 0.5), padding=0)
            plot.getPlotItem().getAxis("bottom").set_segments(trace.segment, self._traces.steps)
            plot.redraw()
        self._draw_cells()

    def _draw_cells(self) -> None:
        """Draw the curves of the selected cells."""
        if not self.lines:
            return  # a trace was opened just now, and has no curves yet
        for plot_name, item in self.cell_lines:
            self.plots[plot_name].removeItem(item)
            self.plots[plot_name].redraw()
        self.cell_lines = []
        trace, cells = self._traces.trace, sorted(self._selection.cells)
        faint = 0.35 if cells and trace is not None else 1.0
        for name in ("H", "L", "confidence", "right", "wrong", "guess_right", "entropy", "loss"):
            self.lines[name].setOpacity(faint)
        colours = self._theme.palette.cells
        self.legend.setVisible(bool(cells) and trace is not None)
        if trace is None or not cells or max(cells) >= len(trace.puzzle.given):
            self.legend.setText("")
            return
        self.legend.setText(cell_legend(cells, trace.side, colours))
        self.cell_lines, highest = draw_cells(self.plots, trace, cells, colours, self._rules_top())
        for name in ("entropy", "loss"):
            top = max(0.5, highest.get(name, 0.0), _top(getattr(self.known, name, np.zeros(1))))
            self.plots[name].setYRange(0, top, padding=0.05)
        for plot in self.plots.values():
            plot.redraw()

    def _rules_top(self) -> float:
        """The upper end of the rule breaks' axis."""
        counts = self._traces.verdict.counts
        return max(3.0, _top(counts.breaks + counts.guess_breaks))


def _finite(steps: np.ndarray, values: Floats) -> tuple[np.ndarray, Floats]:
    """Without NaN: pyqtgraph warns about curves of nothing else."""
    there = np.isfinite(values)
    return steps[there], values[there]


def _top(values: Floats) -> float:
    """The highest finite value, 0 if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0
