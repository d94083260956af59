"""All settings of a run in one form: search, help texts, validation as you type, and marks on the settings that were changed."""

from __future__ import annotations

from collections.abc import Callable, Set

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_studio.models.config_fields import Field, build, fields_of, format_value, value_at
from hrm_studio.services.estimator import Estimator
from hrm_studio.theme import Theme
from hrm_studio.ui.train import preset_labels
from hrm_studio.ui.train.field_editors import Editor, RecordsEditor, editor_for
from hrm_studio.units import about, size
from trainer.config import RunConfig
from trainer.runs.estimate import cost_key, disk_bytes, run_seconds


class FieldRow:
    """One setting: change mark, name, editor, reset button, and its help text or error."""

    def __init__(self, field: Field, theme: Theme, changed: Callable[[], None]) -> None:
        self.field, self._theme = field, theme
        self._shown: tuple[bool, str, str, str] | None = None
        self.mark = QLabel()
        self.mark.setFixedWidth(12)
        self.name = QLabel(field.path[-1], objectName="position")
        self.name.setToolTip(field.name)
        self.editor: Editor = editor_for(field, theme)
        self.editor.edited.connect(changed)
        self.back = QToolButton(objectName="flat", accessibleName=f"Reset {field.name}")
        self.help = QLabel(wordWrap=True, objectName="muted", alignment=Qt.AlignmentFlag.AlignTop)
        self.name.setBuddy(self.editor)
        for label in (self.mark, self.name, self.help):
            label.setContentsMargins(0, 6, 0, 0)

    def widgets(self) -> tuple[QWidget, ...]:
        return self.mark, self.name, self.editor, self.back, self.help

    def add_to(self, grid: QGridLayout, row: int) -> None:
        top = Qt.AlignmentFlag.AlignTop
        if self.field.kind == "records":
            grid.addWidget(self.editor, row, 2, 1, 3)
        else:
            grid.addWidget(self.editor, row, 2, top)
            grid.addWidget(self.help, row, 4, top)
        grid.addWidget(self.mark, row, 0, top)
        grid.addWidget(self.name, row, 1, top)
        grid.addWidget(self.back, row, 3, top)

    def show_state(self, differs: bool, first: str, fault: str) -> None:
        """Style sheets are slow to apply, so set them only if something changed."""
        state = (differs, first, fault, self._theme.palette.name)
        if state == self._shown:
            return
        self._shown, palette = state, self._theme.palette
        self.mark.setText(f'<span style="color:{palette.accent}; font-size:9px">●</span>' if differs else "")
        _colour(self.name, palette.accent if differs else "")
        _colour(self.help, palette.wrong if fault else "")
        self.back.setIcon(qtawesome.icon("mdi6.restore", color=palette.muted) if differs else QIcon())
        self.back.setEnabled(differs)
        self.back.setToolTip(f"Reset to {first}" if differs else "")
        self.help.setText(fault or self.field.help)


def _colour(label: QLabel, colour: str) -> None:
    sheet = f"color: {colour};" if colour else ""
    if label.styleSheet() != sheet:
        label.setStyleSheet(sheet)


class ConfigForm(QWidget):
    """Signals
    -------
    start_wanted(object)    a valid RunConfig
    left()                  Back was pressed
    """

    start_wanted = Signal(object)
    left = Signal()

    def __init__(self, estimator: Estimator, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._estimator, self._theme = estimator, theme
        self._first: RunConfig | None = None
        self.config: RunConfig | None = None
        self.title = QLabel(objectName="bigtitle")
        self.about = QLabel(wordWrap=True, objectName="muted")
        self.search = QLineEdit(placeholderText="Search settings", clearButtonEnabled=True, accessibleName="Search settings")
        self.search.textChanged.connect(self._filter)
        self.only = QCheckBox("changed only")
        self.only.toggled.connect(self._filter)
        self.start = QPushButton("Start", objectName="go")
        self.start.clicked.connect(lambda: self.start_wanted.emit(self.config))
        self.measure = QPushButton("Measure", toolTip="Train for a few seconds to estimate the total time on this machine")
        self.measure.clicked.connect(lambda: self._estimator.measure(self.config) if self.config is not None else None)
        self.back = QPushButton("Back")
        self.back.clicked.connect(self.left)
        self.verdict = QLabel(wordWrap=True, objectName="muted")
        self.rows: dict[tuple[str, ...], FieldRow] = {}
        self._headings: dict[str, QLabel] = {}
        self._lay_out()
        theme.changed.connect(self._judge)
        estimator.measured.connect(lambda *_: self._judge())
        estimator.failed.connect(lambda name, message: self.verdict.setText(f"Could not measure: {message}"))

    def _lay_out(self) -> None:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(4, 0, 12, 12)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        row = 0
        for field in fields_of(RunConfig):
            if field.group not in self._headings:
                heading = self._headings[field.group] = QLabel(field.group, objectName="group")
                grid.addWidget(heading, row, 0, 1, 5)
                row += 1
            line = self.rows[field.path] = FieldRow(field, self._theme, self._judge)
            line.back.clicked.connect(lambda _=False, path=field.path: self.reset_field(path))
            line.add_to(grid, row)
            row += 1
        grid.setColumnMinimumWidth(2, 190)
        grid.setColumnStretch(2, 1)
        grid.setColumnStretch(4, 2)
        grid.setRowStretch(row, 1)
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        tools = QHBoxLayout()
        tools.addWidget(self.search, 1)
        tools.addWidget(self.only)
        foot = QHBoxLayout()
        foot.addWidget(self.verdict, 1)
        foot.addWidget(self.measure)
        foot.addWidget(self.back)
        foot.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        layout.addLayout(tools)
        layout.addWidget(area, 1)
        layout.addLayout(foot)

    def open(
        self, config: RunConfig, first: RunConfig, title: str, text: str, start: str = "Start", fixed: Set[tuple[str, ...]] = frozenset()
    ) -> None:
        """Show a configuration. Settings that differ from `first` are marked; settings in `fixed` cannot be edited."""
        self._first = first
        self.title.setText(title)
        self.about.setText(text)
        self.about.setVisible(bool(text))
        self.start.setText(start)
        self.search.clear()
        self.only.setChecked(False)
        values = config.model_dump(mode="json")
        for path, row in self.rows.items():
            row.editor.set_value(value_at(values, path))
            row.editor.setEnabled(path not in fixed)
        self._judge()

    def reset_field(self, path: tuple[str, ...]) -> None:
        assert self._first is not None
        self.rows[path].editor.set_value(value_at(self._first.model_dump(mode="json"), path))
        self._judge()

    def _judge(self) -> None:
        """Validate all values; mark changes and errors."""
        if self._first is None:
            return
        task = self.rows[("task",)].editor.value()
        for row in self.rows.values():
            if isinstance(row.editor, RecordsEditor):
                row.editor.set_task(str(task))
        self.config, faults = build({path: row.editor.value() for path, row in self.rows.items()}, self._first.preset)
        first = self._first.model_dump(mode="json")
        now = self.config.model_dump(mode="json") if self.config is not None else None
        self.different = set()
        for path, row in self.rows.items():
            was = value_at(first, path)
            differs = value_at(now, path) != was if now is not None else format_value(row.editor.value()) != format_value(was)
            if differs:
                self.different.add(path)
            row.show_state(differs, format_value(was), faults.get(path, ""))
        self.start.setEnabled(self.config is not None)
        self._show_verdict(faults)
        if self.only.isChecked():
            self._filter()

    def _show_verdict(self, faults: dict[tuple[str, ...], str]) -> None:
        palette = self._theme.palette
        if self.config is None:
            path, message = next(iter(faults.items()))
            self.verdict.setText(f"{'.'.join(path)}: {message}" if path else message)
            self.verdict.setStyleSheet(f"color: {palette.wrong};")
            self.measure.setVisible(False)
            return
        count = len(self.different)
        changed = "no changes" if not count else "1 change" if count == 1 else f"{count} changes"
        found = self._estimator.known.get(cost_key(self.config))
        takes = f"about {about(run_seconds(self.config, found))}, {size(found.memory)} of memory, " if found is not None else ""
        self.verdict.setText(f"{changed}  ·  {preset_labels.plan(self.config)}  ·  {takes}{size(disk_bytes(self.config, found))} on disk")
        self.verdict.setStyleSheet("")
        self.measure.setVisible(found is None)

    def _filter(self) -> None:
        words = self.search.text().lower().split()
        groups = set()
        for path, row in self.rows.items():
            shown = all(word in row.field.words for word in words) and (not self.only.isChecked() or path in self.different)
            for widget in row.widgets():
                widget.setVisible(shown)
            if shown:
                groups.add(row.field.group)
        for name, heading in self._headings.items():
            heading.setVisible(name in groups)
