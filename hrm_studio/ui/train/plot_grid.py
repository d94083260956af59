"""All plots of the shown runs. However fast events arrive, plots are redrawn in time slices of a few milliseconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from hrm_studio.models.plot_settings import PlotSettings
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.metric_panels import MetricPanel, panels_of
from hrm_studio.ui.train.metric_plot import MetricPlot

_FRAME_MS = 33
_SLICE = 0.009  # seconds that plots may use of one frame; the rest wait for the next
_WIDTH, _HEIGHT = 300, 200  # the least size of the important plots, in pixels
_SMALL_WIDTH, _SMALL_HEIGHT = 230, 132  # of the others
_IMPORTANT = 3  # the first panels: loss, solved, cells right
_CELLS = 60  # columns of the grid; 1 to 6 plots side by side take the same number each


class PlotGrid(QScrollArea):
    """Plots of runs, each in its colour. They are drawn only while on screen.

    Signals
    -------
    menu_wanted(object, object)   a right click on a MetricPlot, at a global position
    """

    menu_wanted = Signal(object, object)

    def __init__(self, settings: PlotSettings, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._theme = settings, theme
        self._panels: list[MetricPanel] = []
        self._made: dict[MetricPanel, MetricPlot] = {}
        self._missing: list[MetricPanel] = []
        self._runs: list[RunModel] = []
        self._colours: dict[RunModel, QColor] = {}
        self._columns_seen: tuple[object, ...] = ()
        self._dirty: deque[MetricPlot] = deque()
        self._span: tuple[float, float] | None = None
        self.setAccessibleName("Plots")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = QWidget()
        self._layout = QGridLayout(self._inside)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        for column in range(_CELLS):
            self._layout.setColumnStretch(column, 1)
        self.setWidget(self._inside)
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._frame)
        settings.changed.connect(self._settings_changed)
        settings.crosshair_moved.connect(self._crosshair_moved)
        theme.changed.connect(self._rebuild)
        self._drawn_with = self._what_curves_depend_on()

    def _what_curves_depend_on(self) -> tuple[object, ...]:
        s = self._settings
        return s.x, s.log_x, s.log_y, s.hidden

    def show_runs(self, runs: Iterable[RunModel], colours: dict[RunModel, QColor]) -> None:
        """Show these runs."""
        for run in self._runs:
            run.grew.disconnect(self._grew)
        self._runs, self._colours = list(runs), dict(colours)
        for run in self._runs:
            run.grew.connect(self._grew)
        self._rebuild()

    @property
    def visible_runs(self) -> list[RunModel]:
        return [run for run in self._runs if run.path not in self._settings.hidden]

    # When to draw ----------------------------------------------------------------------------------------------------

    def _settings_changed(self) -> None:
        now = self._what_curves_depend_on()
        if now != self._drawn_with:
            self._rebuild()
        else:
            self._all_dirty()

    def _grew(self) -> None:
        seen = self._columns_of_runs()
        if seen != self._columns_seen:
            self._rebuild()
        else:
            self._all_dirty()

    def _columns_of_runs(self) -> tuple[object, ...]:
        return tuple((run.log.metrics.names, run.log.evaluations.names, run.log.machine.names) for run in self.visible_runs)

    def _all_dirty(self) -> None:
        """Queue every plot for drawing; those already queued keep their place."""
        waiting = set(self._dirty)
        self._dirty.extend(plot for plot in self.plots if plot not in waiting)
        if (self._dirty or self._missing) and self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _frame(self) -> None:
        """Draw plots until the time of this frame is used up."""
        if self._missing:
            # Creating a plot takes longer than drawing one, so create one per frame.
            panel = self._missing.pop(0)
            self._made[panel] = plot = self._new_plot(panel)
            plot.show_runs(self.visible_runs, self._colours)
            self._lay_out()
            self._all_dirty()
            return
        end = time.perf_counter() + _SLICE
        area = self.viewport().rect()
        skipped = 0
        while self._dirty and time.perf_counter() < end and skipped < len(self._dirty):
            plot = self._dirty.popleft()
            if not plot.follow():
                self._dirty.appendleft(plot)  # a long history: continue reading in the next turn, then draw
                continue
            reach = plot.reach
            if reach is not None:
                self._span = (min(self._span[0], reach[0]), max(self._span[1], reach[1])) if self._span else reach
            if not area.intersects(plot.rect().translated(plot.mapTo(self.viewport(), QPoint(0, 0)))):
                self._dirty.append(plot)  # scrolled out of view: keep it queued, spend no time on it
                skipped += 1
                continue
            skipped = 0
            plot.refresh(*(self._settings.zoom or self._span or (0.0, 1.0)))
            plot.viewport().repaint()
        if not self._dirty or skipped >= len(self._dirty):
            self._timer.stop()

    def _crosshair_moved(self) -> None:
        for plot in self.plots:
            plot.repaint_over()

    # What to draw ----------------------------------------------------------------------------------------------------

    def _rebuild(self) -> None:
        """Rebuild the curves, and the plots if others are needed: runs, columns, axes or colours changed."""
        runs = self.visible_runs
        self._drawn_with, self._columns_seen = self._what_curves_depend_on(), self._columns_of_runs()
        self._span = None
        panels = panels_of(run.log for run in runs)
        for panel in [panel for panel in self._made if panel not in panels]:
            plot = self._made.pop(panel)
            self._layout.removeWidget(plot)
            plot.hide()
            plot.deleteLater()
        self._panels, self._missing = panels, [panel for panel in panels if panel not in self._made]
        self._dirty.clear()
        self._lay_out()
        for plot in self.plots:
            plot.show_runs(runs, self._colours)
        self._all_dirty()

    @property
    def plots(self) -> list[MetricPlot]:
        """The plots created so far, in display order."""
        return [self._made[panel] for panel in self._panels if panel in self._made]

    def _new_plot(self, panel: MetricPanel) -> MetricPlot:
        plot = MetricPlot(panel, self._settings, self._theme)
        plot.menu_wanted.connect(lambda place, plot=plot: self.menu_wanted.emit(plot, place))
        return plot

    def _lay_out(self) -> None:
        """The important plots are large, the others small below them. The large ones take the height that is left; the grid scrolls if that is too little."""
        gap, width = self._layout.spacing(), self.viewport().width()
        large, small = self._panels[:_IMPORTANT], self._panels[_IMPORTANT:]
        wide, narrow = _columns(len(large), width // _WIDTH), _columns(len(small), width // _SMALL_WIDTH)
        rows, small_rows = -(-len(large) // wide), -(-len(small) // narrow)
        left = self.viewport().height() - small_rows * (_SMALL_HEIGHT + gap) - (rows - 1) * gap
        height = max(_HEIGHT, left // max(1, rows))
        for panels, columns, first, high in ((large, wide, 0, height), (small, narrow, rows, _SMALL_HEIGHT)):
            span = _CELLS // columns
            for k, plot in enumerate(self._made.get(panel) for panel in panels):
                if plot is not None:
                    plot.setFixedHeight(high)
                    self._layout.addWidget(plot, first + k // columns, k % columns * span, 1, span)
                    plot.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()
        self._all_dirty()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._all_dirty()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if (self._dirty or self._missing) and self.isVisible() and not self._timer.isActive():
            self._timer.start()


def _columns(count: int, fit: int) -> int:
    """How many of `count` plots stand side by side if `fit` have room: no nearly empty last row."""
    most = max(1, min(count, fit, 6))
    rows = -(-count // most)
    return -(-count // rows) if rows else 1
