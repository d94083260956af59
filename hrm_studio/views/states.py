"""Where the hidden states are: their path through the plane of the first two principal components, or one point a cell.

The plane is fitted once for a trace (again while it still grows), by a thread of its own: moving the cursor never fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from hrm_model.analysis import Floats, Projection, blanks, pca
from hrm_model.trace import Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.views.plots import dress, new_plot, show_axes, swatch

_FIT_POINTS = 4000  # rows that the plane of single cells is fitted on, at most
_REFIT_MS = 250


@dataclass(frozen=True)
class Fit:
    """Both planes of one module's states, and the path in the first."""

    whole: Projection
    path: Floats  # (rows, 2)
    cells: Projection


def fit(states: Floats) -> Fit:
    """States (rows, T, D) → the plane of whole states (flattened) and that of single positions."""
    flat = np.asarray(states, np.float32).reshape(len(states), -1)
    whole = pca(flat)
    single = np.asarray(states, np.float32).reshape(-1, states.shape[-1])
    return Fit(whole, whole(flat), pca(single[:: max(1, len(single) // _FIT_POINTS)]))


class _FitJob(QRunnable):
    class Told(QObject):
        done = Signal(int, object)

    def __init__(self, number: int, trace: Trace) -> None:
        super().__init__()
        self.told, self._number, self._trace = self.Told(), number, trace

    def run(self) -> None:
        assert self._trace.z_H is not None
        assert self._trace.z_L is not None
        self.told.done.emit(self._number, {"H": fit(self._trace.z_H), "L": fit(self._trace.z_L)})


class StatesView(QWidget):
    """z_H and z_L side by side. 'Path': a point a step, with its trail. 'Cells': a point a position at the cursor's step."""

    def __init__(self, traces: TraceModel, selection: Selection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces, self._selection, self._theme = traces, selection, theme
        self._fits: dict[str, Fit] = {}
        self._number = 0
        self._fitted_rows = 0
        self._job: _FitJob | None = None
        self.mode = "path"
        self.plots = {level: new_plot() for level in "HL"}
        self._trail: dict[str, pg.PlotDataItem] = {}
        self._dots: dict[str, pg.ScatterPlotItem] = {}
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
        for plot in self.plots.values():
            plot.setMinimumSize(120, 120)
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
        if trace is None or not trace.has_states or self._job is not None or len(trace) == self._fitted_rows:
            return
        self._fitted_rows = len(trace)
        self._job = _FitJob(self._number, trace)
        self._job.told.done.connect(self._fit_done)
        self._job.setAutoDelete(False)
        QThreadPool.globalInstance().start(self._job)

    def _fit_done(self, number: int, fits: dict[str, Fit]) -> None:
        self._job = None
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
        self._trail, self._dots = {}, {}
        for level, plot in self.plots.items():
            plot.clear()
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
            colour = colours.color("level_H" if level == "H" else "level_L")
            if self.mode == "path":
                faint = colours.color("level_H" if level == "H" else "level_L", 0.25)
                plot.plot(found.path, pen=pg.mkPen(faint, width=1))
                self._trail[level] = plot.plot(
                    pen=pg.mkPen(colour, width=1.6), symbol="o", symbolSize=4, symbolBrush=colour, symbolPen=None
                )
            self._dots[level] = pg.ScatterPlotItem(pen=None)
            self._dots[level].sigClicked.connect(self._clicked)
            plot.addItem(self._dots[level])
            plot.enableAutoRange()
        self._empty.setVisible(not self._fits)
        trace = self._traces.trace
        if trace is not None and not trace.has_states:
            self._empty.setText("This trace was recorded without states.")
        self._refresh()

    def _refresh(self) -> None:
        trace, step = self._traces.trace, self._traces.cursor
        if trace is None or not self._fits:
            return
        for level, found in self._fits.items():
            row = int((trace.h_row if level == "H" else trace.l_row)[step])
            if self.mode == "path":
                row = min(row, len(found.path) - 1)
                self._trail[level].setData(found.path[: row + 1])
                self._dots[level].setData(
                    pos=found.path[row : row + 1],
                    size=13,
                    brush=self._theme.palette.accent,
                    pen=pg.mkPen(self._theme.palette.surface, width=2),
                )
            else:
                self._draw_cells(trace, step, level, found.cells)

    def _clicked(self, _: object, points: list[pg.SpotItem]) -> None:
        """In 'Cells' a click selects the cell, on the board too."""
        if self.mode == "cells" and len(points):
            self._selection.set((points[0].index(),))

    def _draw_cells(self, trace: Trace, step: int, level: str, plane: Projection) -> None:
        colours, cells = self._theme.palette, len(trace.puzzle.given)
        points = plane(trace.state_after(step, level)[-cells:])
        solution = trace.puzzle.solution
        wrong = trace.prediction[step] != solution if solution is not None else np.zeros(cells, bool)
        fills = {"given": colours.color("muted", 0.7), "right": colours.right, "wrong": colours.wrong, "unknown": colours.color("answer")}
        brushes = {kind: pg.mkBrush(colour) for kind, colour in fills.items()}
        kinds = np.where(~blanks(trace), "given", np.where(wrong, "wrong", "right" if solution is not None else "unknown"))
        chosen = np.isin(np.arange(cells), list(self._selection.cells))
        ring = pg.mkPen(colours.accent, width=2)
        self._dots[level].setData(
            pos=points, size=np.where(chosen, 13, 7), brush=[brushes[k] for k in kinds], pen=[ring if c else None for c in chosen],
            symbol=np.where(wrong, "t", "o").tolist(),
        )  # fmt: skip
