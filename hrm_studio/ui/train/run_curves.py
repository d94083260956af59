"""The curves of the shown runs: toolbar, legend, plots and export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from hrm_model.errors import write_failure
from hrm_studio.models.plot_settings import PlotSettings
from hrm_studio.models.runs import RunModel
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.train.export_plots import write_csv, write_png, write_svg
from hrm_studio.ui.train.metric_plot import MetricPlot
from hrm_studio.ui.train.plot_grid import PlotGrid
from hrm_studio.ui.train.plot_toolbar import PlotToolbar, RunLegend

_FILTERS = {"png": "PNG picture (*.png)", "svg": "SVG drawing (*.svg)", "csv": "Comma-separated values (*.csv)"}


class RunCurves(QWidget):
    """Signals
    -------
    message(str)   what was exported, or why it failed
    """

    message = Signal(str)

    def __init__(self, background: Background, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background, self._theme = background, theme
        self.settings = PlotSettings(self)
        self.toolbar = PlotToolbar(self.settings, theme)
        self.legend = RunLegend(self.settings, theme)
        self.grid = PlotGrid(self.settings, theme)
        self._runs: list[RunModel] = []
        self._colours: dict[RunModel, QColor] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        for widget in (self.toolbar, self.legend):
            layout.addWidget(widget)
        layout.addWidget(self.grid, 1)
        self.toolbar.export_wanted.connect(lambda kind: self._ask(kind, self.grid.plots))
        self.grid.menu_wanted.connect(self.show_menu)

    def show_runs(self, runs: list[RunModel], colours: dict[RunModel, QColor]) -> None:
        """Show these runs, each in its colour."""
        self._runs, self._colours = list(runs), dict(colours)
        self.legend.show_runs(runs, colours)
        self.grid.show_runs(runs, colours)

    def show_menu(self, plot: MetricPlot, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Reset zoom", lambda: self.settings.set(zoom=None)).setEnabled(self.settings.zoom is not None)
        menu.addSeparator()
        for kind, text in (("png", "Export this plot as PNG …"), ("svg", "Export this plot as SVG …")):
            menu.addAction(text, partial(self._ask, kind, [plot]))
        menu.popup(place)

    def _ask(self, kind: str, plots: list[MetricPlot]) -> None:
        name = self._runs[0].name if len(self._runs) == 1 else "runs"
        path, _ = QFileDialog.getSaveFileName(self, "Export curves", f"{name}.{kind}", _FILTERS[kind])
        if path:
            self.export(kind, Path(path), plots)

    def export(self, kind: str, file: Path, plots: list[MetricPlot] | None = None) -> None:
        """Write a file: pictures in this thread, tables in the background."""
        runs = self.grid.visible_runs
        if not runs:
            self.message.emit("No run is shown: nothing to export.")
            return
        if kind == "csv":
            self._background.run(lambda: _tried(lambda: write_csv(runs, file), file), self.message.emit)
            return
        legend = [(run.name, self._colours[run]) for run in runs]
        write = write_png if kind == "png" else write_svg
        self.message.emit(_tried(lambda: write(plots or self.grid.plots, legend, self._theme.palette, file), file))


def _tried(write: Callable[[], None], file: Path) -> str:
    try:
        write()
    except OSError as error:
        return write_failure(error)
    return f"Saved {file}"
