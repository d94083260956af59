"""Controls shared by all plots: x axis, smoothing, log scales, zoom, export, and the legend that hides and shows runs."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import QButtonGroup, QLabel, QMenu, QSlider, QToolButton, QWidget

from hrm_studio.models.plot_settings import X_AXES, PlotSettings
from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.ui.train.run_labels import short_name
from hrm_studio.ui.widgets.flow_layout import FlowLayout

_SMOOTHING = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)  # stops of the slider


class PlotToolbar(QWidget):
    """Signals
    -------
    export_wanted(str)  'png', 'svg' or 'csv'
    """

    export_wanted = Signal(str)

    def __init__(self, settings: PlotSettings, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._theme = settings, theme
        self.axes = QButtonGroup(self)
        row = FlowLayout(self, spacing=6)
        row.addWidget(_caption("x"))
        for name, about in X_AXES.items():
            button = QToolButton(text=name, checkable=True, objectName="chip", toolTip=f"Plot against {about}")
            button.setChecked(name == settings.x)
            button.clicked.connect(lambda _=False, name=name: settings.set(x=name))
            self.axes.addButton(button)
            row.addWidget(button)
        self.log_x = self._switch("log x", "Logarithmic x axis", "log_x")
        self.log_y = self._switch("log y", "Logarithmic y axis for losses, norms and the learning rate", "log_y")
        row.addWidget(self.log_x)
        row.addWidget(self.log_y)
        self.smoothing = QSlider(Qt.Orientation.Horizontal, minimum=0, maximum=len(_SMOOTHING) - 1)
        self.smoothing.setFixedWidth(110)
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setValue(_SMOOTHING.index(settings.smoothing))
        self.smoothing.valueChanged.connect(lambda stop: settings.set(smoothing=_SMOOTHING[stop]))
        self.smoothing_value = QLabel(objectName="muted")
        self.smoothing_value.setMinimumWidth(36)
        row.addWidget(_caption("smoothing"))
        row.addWidget(self.smoothing)
        row.addWidget(self.smoothing_value)
        self.all = QToolButton(
            text="Reset zoom", objectName="chip", toolTip="Show the whole range again, or double-click a plot. Drag in a plot to zoom in."
        )
        self.all.clicked.connect(lambda: settings.set(zoom=None))
        row.addWidget(self.all)
        self.export = QToolButton(
            text="Export",
            objectName="chip",
            toolTip="Save the plots as a picture or a table",
            popupMode=QToolButton.ToolButtonPopupMode.InstantPopup,
        )
        menu = QMenu(self.export)
        for kind, text in (("png", "PNG image …"), ("svg", "SVG drawing …"), ("csv", "All values as CSV …")):
            menu.addAction(text, partial(self.export_wanted.emit, kind))
        self.export.setMenu(menu)
        row.addWidget(self.export)
        self.pale = QLabel(objectName="muted")
        row.addWidget(self.pale)
        self.at = QLabel(objectName="muted")
        row.addWidget(self.at)
        settings.changed.connect(self._refresh)
        settings.crosshair_moved.connect(self._show_crosshair)
        self._refresh()

    def set_smoothing(self, weight: float) -> None:
        """Set the slider to the stop nearest to this weight of the past."""
        self.smoothing.setValue(min(range(len(_SMOOTHING)), key=lambda k: abs(_SMOOTHING[k] - weight)))

    def _show_crosshair(self) -> None:
        x, name = self._settings.crosshair, self._settings.x
        self.at.setText(
            "" if x is None else f"{x:.2f} min" if name == "time" else f"{name} {x:,.0f}" if name == "step" else f"{name} {x:.2f}"
        )

    def _switch(self, text: str, tip: str, field: str) -> QToolButton:
        button = QToolButton(text=text, checkable=True, objectName="chip", toolTip=tip)
        button.toggled.connect(lambda on: self._settings.set(**{field: on}))
        return button

    def _refresh(self) -> None:
        settings = self._settings
        for button in self.axes.buttons():
            button.setChecked(button.text() == settings.x)
        self.log_x.setChecked(settings.log_x)
        self.log_y.setChecked(settings.log_y)
        self.smoothing_value.setText(f"{settings.smoothing:g}" if settings.smoothing else "off")
        self.pale.setText("pale line: before smoothing · pale area: 95 % interval" if settings.smoothing else "pale area: 95 % interval")
        tip = "Weight of past values in the running average (bias-corrected). The thin line shows the raw values."
        self.smoothing.setToolTip(tip)
        self.all.setVisible(settings.zoom is not None)


class RunLegend(QWidget):
    """One chip per run, if there are several. A click hides or shows the run's curves."""

    def __init__(self, settings: PlotSettings, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._theme = settings, theme
        self._layout = FlowLayout(self, spacing=6)
        self.chips: dict[RunModel, QToolButton] = {}
        settings.changed.connect(self._refresh)

    def show_runs(self, runs: list[RunModel], colours: dict[RunModel, QColor]) -> None:
        for chip in self.chips.values():
            self._layout.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = {}
        for run in runs:
            chip = QToolButton(
                text=short_name(run.summary), checkable=True, objectName="chip", toolButtonStyle=Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            )
            chip.setToolTip(f"{run.name}: click to hide or show")
            mark = QPixmap(12, 12)
            mark.fill(colours[run])
            chip.setIcon(mark)
            chip.setIconSize(QSize(10, 10))
            chip.clicked.connect(lambda _=False, run=run: self._settings.toggle(run.path))
            self.chips[run] = chip
            self._layout.addWidget(chip)
        self.setVisible(len(runs) > 1)
        self._refresh()

    def _refresh(self) -> None:
        for run, chip in self.chips.items():
            chip.setChecked(run.path not in self._settings.hidden)


def _caption(text: str) -> QLabel:
    return QLabel(text, objectName="muted")
