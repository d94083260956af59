"""Presets as cards: what is learned, the data, the model and the time on this machine. One click starts a run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import qtawesome
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from hrm_model.config import parameter_count
from hrm_studio.services.estimator import Estimator
from hrm_studio.theme import Theme
from hrm_studio.ui.train import preset_labels
from hrm_studio.units import about, size
from trainer.config import RunConfig
from trainer.data.published import dataset_exists
from trainer.runs.estimate import cost_key, disk_bytes, run_seconds

_WIDTH = 330  # the smallest readable width of a card
_UNASKED = 3_000_000  # presets up to this many parameters are measured automatically


class PresetCard(QFrame):
    """Signals
    -------
    start_wanted(object), edit_wanted(object)   the RunConfig
    build_wanted(object)                        the RunConfig whose dataset is not there yet
    """

    start_wanted = Signal(object)
    edit_wanted = Signal(object)
    build_wanted = Signal(object)

    def __init__(self, name: str, config: RunConfig, estimator: Estimator, folder: Path, theme: Theme) -> None:
        super().__init__(objectName="card")
        self.name, self.config, self.key = name, config, cost_key(config)
        self._estimator, self._folder, self._theme = estimator, folder, theme
        self._trouble = ""
        self._busy = False
        title = QLabel(preset_labels.title(name), objectName="title")
        what = QLabel(preset_labels.what(name, config), wordWrap=True)
        what.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        what.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.rows: dict[str, QLabel] = {}
        self._icons: dict[str, tuple[QLabel, str]] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        for row, (field, icon, tip) in enumerate((
            ("time", "mdi6.timer-outline", "Estimated by training for a few seconds on this machine; updated while the run trains"),
            ("memory", "mdi6.memory", "Peak memory measured, and the disk space for its checkpoints"),
            ("data", "mdi6.database-outline", "Training data"),
            ("model", "mdi6.brain", "Model"),
        )):  # fmt: skip
            mark, text = QLabel(), QLabel(wordWrap=True, objectName="muted")
            mark.setToolTip(tip)
            text.setToolTip(tip)
            self._icons[field] = mark, icon
            self.rows[field] = text
            grid.addWidget(mark, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1)
        grid.setColumnStretch(1, 1)
        self.start = QPushButton("Start", objectName="go", toolTip=f"Train {preset_labels.title(name)} now")
        self.start.clicked.connect(lambda: self.start_wanted.emit(config))
        self.build = QPushButton(
            "Build its dataset …", objectName="go", toolTip="Make the dataset from the ARC tasks on your disk; then it can be trained on"
        )
        self.build.clicked.connect(lambda: self.build_wanted.emit(config))
        self.edit = QPushButton("Customize …", toolTip="See all settings, change some, then start")
        self.edit.clicked.connect(lambda: self.edit_wanted.emit(config))
        self.measure = QPushButton("Measure", toolTip="Train for a few seconds to estimate the total time on this machine")
        self.measure.clicked.connect(lambda: estimator.measure(config))
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.build)
        buttons.addWidget(self.edit)
        buttons.addWidget(self.measure)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(what, 1)
        layout.addLayout(grid)
        layout.addLayout(buttons)
        self.rows["model"].setText(preset_labels.model(config))
        theme.changed.connect(self.refresh)
        estimator.started.connect(self._measuring)
        estimator.measured.connect(lambda *_: self._ended())
        estimator.failed.connect(self._failed)
        self.refresh()

    def _measuring(self, name: str) -> None:
        self._busy, self._trouble = name == self.key, "" if name == self.key else self._trouble
        self.refresh()

    def _failed(self, name: str, message: str) -> None:
        if name == self.key:
            self._trouble = message
        self._ended()

    def _ended(self) -> None:
        self._busy = False
        self.refresh()

    def refresh(self) -> None:
        """Show what is known so far."""
        palette, config, found = self._theme.palette, self.config, self._estimator.known.get(self.key)
        for mark, icon in self._icons.values():
            mark.setPixmap(qtawesome.icon(icon, color=palette.muted).pixmap(QSize(16, 16)))
        self.start.setIcon(qtawesome.icon("mdi6.play", color=palette.on_accent))
        there = not config.dataset or dataset_exists(config.dataset)
        self.start.setVisible(there)
        self.build.setVisible(not there)
        self.rows["data"].setText(preset_labels.data(config))
        steps = f"{config.steps:,} steps"
        if found is not None:
            bound = "at most " if config.stop_at_exact else "about "
            self.rows["time"].setText(f"<b>{bound}{about(run_seconds(config, found))}</b> on {found.device or 'this machine'}, {steps}")
        elif self._busy:
            self.rows["time"].setText(f"measuring …, {steps}")
        elif self._trouble:
            self.rows["time"].setText(f"Could not measure: {self._trouble}")
        else:
            self.rows["time"].setText(preset_labels.plan(config))
        self.measure.setVisible(found is None and not self._busy)
        disk = disk_bytes(config, found)
        text = f"{size(found.memory)} of memory, " if found is not None else ""
        short = _free(self._folder) < 1.2 * disk
        self.rows["memory"].setText(f"{text}{size(disk)} on disk" + (f", but only {size(_free(self._folder))} free" if short else ""))


def _free(folder: Path) -> float:
    """Free bytes on the disk that holds the runs."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return float("inf")


class PresetCards(QScrollArea):
    """All presets, in as many columns as fit. Small ones are measured when the page is shown and no run is training.

    Signals
    -------
    start_wanted(object), edit_wanted(object), build_wanted(object)   a RunConfig
    """

    start_wanted = Signal(object)
    edit_wanted = Signal(object)
    build_wanted = Signal(object)

    def __init__(
        self, presets: Mapping[str, RunConfig], estimator: Estimator, folder: Path, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName("Presets")
        self._estimator = estimator
        self.measures_by_itself = True
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        outer = QVBoxLayout(inside)
        outer.setContentsMargins(4, 0, 8, 8)
        outer.setSpacing(10)
        head = QLabel("Train a model", objectName="bigtitle")
        text = QLabel(
            "Choose a preset and press Start. Training runs in its own process: it continues if you close the studio, "
            "and is listed here when you come back.",
            wordWrap=True, objectName="muted",
        )  # fmt: skip
        outer.addWidget(head)
        outer.addWidget(text)
        self._grid = QGridLayout()
        self._grid.setSpacing(12)
        outer.addLayout(self._grid)
        outer.addStretch(1)
        self.cards = {name: PresetCard(name, config, estimator, folder, theme) for name, config in presets.items()}
        for card in self.cards.values():
            card.start_wanted.connect(self.start_wanted)
            card.edit_wanted.connect(self.edit_wanted)
            card.build_wanted.connect(self.build_wanted)
        self._columns = 0
        self.setWidget(inside)
        self._lay_out()

    def _lay_out(self) -> None:
        least = max(_WIDTH, *(card.minimumSizeHint().width() + self._grid.spacing() for card in self.cards.values()))  # with larger text
        columns = max(1, min(4, self.viewport().width() // least))
        if columns == self._columns:
            return
        self._columns = columns
        for k, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, k // columns, k % columns)
        for column in range(4):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._columns = 0  # Qt does not redo the layout of widgets that were resized while hidden
        self._lay_out()
        for card in self.cards.values():
            card.refresh()  # the free disk space may have changed
        QTimer.singleShot(500, self._measure)

    def _measure(self) -> None:
        if self.isVisible() and self.measures_by_itself:
            for card in self.cards.values():
                if parameter_count(card.config.model) <= _UNASKED:
                    self._estimator.measure(card.config)
