"""Where the hidden states are: their path through the plane of the first two principal components, or one point a cell.

The plane is fitted once for a trace (again while it still grows), by a thread of its own: moving the cursor never fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from hrm_model.analysis import Floats, Projection, blanks, pca
from hrm_model.trace import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.views.plots import dress, new_plot, polygon, show_axes, swatch

_FIT_POINTS = 4000  # rows that the plane of single cells is fitted on, at most
_REFIT_MS = 250
_CLICK_PIXELS = 12  # a click this near to a point means it


@dataclass(frozen=True)
class Fit:
    """Both planes of one module's states, and the path in the first."""

    whole: Projection
    path: Floats  # (rows, 2)
    cells: Projection
    path_range: tuple[Floats, Floats]  # lowest and highest x, y
    cells_range: tuple[Floats, Floats]


def fit(states: Floats, cells: int) -> Fit:
    """States (rows, T, D), the last `cells` of the T positions being the board → the plane of whole states (flattened) and that of single cells."""
    flat = np.asarray(states, np.float32).reshape(len(states), -1)
    whole = pca(flat)
    path = whole(flat)
    single = np.asarray(states[:, -cells:], np.float32).reshape(-1, states.shape[-1])
    single = single[:: max(1, len(single) // _FIT_POINTS)]
    plane = pca(single)
    points = plane(single)
    return Fit(whole, path, plane, (path.min(axis=0), path.max(axis=0)), (points.min(axis=0), points.max(axis=0)))


def fit_both(trace: Trace) -> dict[str, Fit]:
    """The fits of both modules, by 'H' and 'L'."""
    assert trace.z_H is not None
    assert trace.z_L is not None
    cells = len(trace.puzzle.given)
    return {"H": fit(trace.z_H, cells), "L": fit(trace.z_L, cells)}


class StatesView(QWidget):
    """z_H and z_L side by side. 'Path': a point a step, with its trail. 'Cells': a point a position at the cursor's step."""

    def __init__(
        self, traces: TraceModel, selection: Selection, background: Background, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._traces, self._selection, self._background, self._theme = traces, selection, background, theme
        self._fits: dict[str, Fit] = {}
        self._number = 0
        self._fitted_rows = 0
        self._fitting = False
        self.mode = "path"
        self.plots = {level: new_plot() for level in "HL"}
        self._empty = QLabel("States appear here as the model thinks.")
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 0)
        modes = QButtonGroup(self)
        self._modes: dict[str, QToolButton] = {}
        for mode, tip in (
            ("path", "One point a step: the whole state, all cells at once"),
            ("cells", "One point a cell, at the cursor's step"),
        ):
            button = QToolButton(text=mode.capitalize(), checkable=True, checked=mode == self.mode, toolTip=tip)
            button.clicked.connect(lambda _=False, mode=mode: self.set_mode(mode))
            modes.addButton(button)
            self._modes[mode] = button
            bar.addWidget(button)
        bar.addStretch()
        bar.addWidget(self._empty)
        row = QHBoxLayout()
        row.setSpacing(4)
        for level, plot in self.plots.items():
            plot.setMinimumSize(120, 120)
            plot.over = partial(self._paint, level)
            plot.scene().sigMouseClicked.connect(partial(self._clicked, level))
            row.addWidget(plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addLayout(row, 1)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_REFIT_MS)
        self._later.timeout.connect(self._start_fit)
        traces.trace_replaced.connect(self._replaced)
        traces.trace_grew.connect(self._grew)
        traces.running_changed.connect(self._start_fit)
        traces.cursor_moved.connect(self._refresh)
        selection.changed.connect(self._refresh)
        theme.changed.connect(self._redraw)
        self._redraw()

    def set_mode(self, mode: str) -> None:
        """'path' or 'cells'."""
        self.mode = mode
        self._modes[mode].setChecked(True)
        self._redraw()

    # Fitting ---------------------------------------------------------------------------------------------------------

    def _replaced(self) -> None:
        self._fits, self._fitted_rows = {}, 0
        self._number += 1
        self._redraw()
        self._start_fit()

    def _grew(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _start_fit(self) -> None:
        trace = self._traces.trace
        if trace is None or not trace.has_states or self._fitting or len(trace) == self._fitted_rows:
            return
        self._fitted_rows = len(trace)
        self._fitting = True
        self._background.run(partial(fit_both, trace), partial(self._fit_done, self._number))

    def _fit_done(self, number: int, fits: dict[str, Fit]) -> None:
        self._fitting = False
        if number == self._number:
            self._fits = fits
            self._redraw()
        # What came meanwhile, another trace even, is fitted next.
        trace = self._traces.trace
        if trace is not None and len(trace) != self._fitted_rows:
            self._grew()

    # Drawing ---------------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        colours = self._theme.palette
        for level, plot in self.plots.items():
            plot.clear()
            plot.redraw()
            found = self._fits.get(level)
            name = "z_H, slow" if level == "H" else "z_L, fast"
            dress(plot, colours, swatch(colours.level_H if level == "H" else colours.level_L, name))
            plot.getPlotItem().showGrid(x=True, y=True, alpha=0.12)
            show_axes(plot, found is not None)
            if found is None:
                continue
            plane = found.whole if self.mode == "path" else found.cells
            for axis, share, number in (("bottom", plane.explained[0], 1), ("left", plane.explained[1], 2)):
                plot.setLabel(axis, f"PC {number} ({share:.0%})", color=colours.muted, **{"font-size": "8pt"})
            if self.mode == "path":
                faint = colours.color("level_H" if level == "H" else "level_L", 0.25)
                plot.plot(found.path, pen=pg.mkPen(faint, width=1))
            low, high = found.path_range if self.mode == "path" else found.cells_range
            plot.setRange(xRange=(float(low[0]), float(high[0])), yRange=(float(low[1]), float(high[1])), padding=0.06)
        self._empty.setVisible(not self._fits)
        trace = self._traces.trace
        if trace is not None and not trace.has_states:
            self._empty.setText("This trace was recorded without states.")
        self._refresh()

    def _refresh(self) -> None:
        for plot in self.plots.values():
            plot.repaint_over()

    def _paint(self, level: str, painter: QPainter) -> None:
        trace, step, found = self._traces.trace, self._traces.cursor, self._fits.get(level)
        if trace is None or found is None:
            return
        if self.mode == "cells":
            self._paint_cells(painter, trace, step, level)
            return
        colour = self._theme.palette.color("level_H" if level == "H" else "level_L")
        row = min(int((trace.h_row if level == "H" else trace.l_row)[step]), len(found.path) - 1)
        trail = polygon(self.plots[level].to_pixels(found.path[: row + 1]))
        painter.setPen(QPen(colour, 1.6))
        painter.drawPolyline(trail)
        painter.setPen(_dot(colour, 4))
        painter.drawPoints(trail)
        painter.setPen(QPen(self._theme.palette.color("surface"), 2))
        painter.setBrush(self._theme.palette.color("accent"))
        painter.drawEllipse(trail.last(), 6.5, 6.5)

    def _cell_pixels(self, trace: Trace, step: int, level: str) -> Floats:
        """Where the cells' points (S, 2) stand in the plot."""
        states = trace.state_after(step, level)[-len(trace.puzzle.given) :]
        return self.plots[level].to_pixels(self._fits[level].cells(states))

    def _paint_cells(self, painter: QPainter, trace: Trace, step: int, level: str) -> None:
        colours, solution = self._theme.palette, trace.puzzle.solution
        pixels = self._cell_pixels(trace, step, level)
        blank = blanks(trace)
        wrong = trace.prediction[step] != solution if solution is not None else np.zeros(len(blank), bool)
        answered = colours.color("right" if solution is not None else "answer")
        for cells, colour in ((~blank & ~wrong, colours.color("muted", 0.7)), (blank & ~wrong, answered)):
            painter.setPen(_dot(colour, 7))
            painter.drawPoints(polygon(pixels[cells]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.color("wrong"))
        for x, y in pixels[wrong].tolist():
            painter.drawPolygon(QPolygonF([QPointF(x, y - 4.5), QPointF(x + 4.5, y + 3.5), QPointF(x - 4.5, y + 3.5)]))
        painter.setPen(QPen(colours.color("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for cell in self._selection.cells:
            painter.drawEllipse(QPointF(*pixels[cell].tolist()), 7, 7)

    def _clicked(self, level: str, event: object) -> None:
        """In 'Cells' a click selects the nearest cell, on the board too; a click beside all clears the selection."""
        trace = self._traces.trace
        if self.mode != "cells" or trace is None or level not in self._fits:
            return
        place: QPointF = event.scenePos()  # type: ignore[attr-defined]
        apart = np.hypot(*(self._cell_pixels(trace, self._traces.cursor, level) - (place.x(), place.y())).T)
        self._selection.set((int(apart.argmin()),) if apart.min() <= _CLICK_PIXELS else ())


def _dot(colour: QColor, size: float) -> QPen:
    """A pen whose points are discs."""
    return QPen(colour, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
