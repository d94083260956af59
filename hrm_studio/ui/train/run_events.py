"""The events of a run, newest first, and the last lines of its log."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QBrush, QDesktopServices, QFontDatabase
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from hrm_studio.models.runs import RunModel
from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.view import View

_MOST = 500  # events shown
_TAIL = 20_000  # bytes of log.txt shown
_COLOURS = {"warning": "warning", "failed": "wrong", "finished": "right", "paused": "warning"}


class RunEvents(View):
    """Follows one run while on screen."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._run: RunModel | None = None
        self._shown: tuple[int, int] = (-1, -1)
        self.table = QTableWidget(columnCount=4, accessibleName="Events of the run")
        self.table.setHorizontalHeaderLabels(["Time", "Step", "Event", "Details"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setAccessibleName("Events of this run")
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        for column in range(3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self.log = QPlainTextEdit(readOnly=True, accessibleName="Output of the trainer")
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.open = QPushButton("Open log.txt")
        self.open.clicked.connect(self._open)
        below = View()
        row = QHBoxLayout()
        row.addWidget(QLabel("Output of the trainer", objectName="heading"))
        row.addStretch()
        row.addWidget(self.open)
        inner = QVBoxLayout(below)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(row)
        inner.addWidget(self.log)
        split = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        split.addWidget(self.table)
        split.addWidget(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.addWidget(split)
        self.follow([(theme.changed, self._fill)], self._fill)

    def show_run(self, run: RunModel | None) -> None:
        if self._run is not None:
            self._run.grew.disconnect(self._grew)
        self._run, self._shown = run, (-1, -1)
        if run is not None:
            run.grew.connect(self._grew)
        self._grew()

    def _grew(self) -> None:
        if self.isVisible() and self._run is not None:
            seen = len(self._run.log.marks), _size(self._run.path / "log.txt")
            if seen != self._shown:
                self._fill()

    def _fill(self) -> None:
        if self._run is None or not self.isVisible():
            return
        marks = self._run.log.marks[-_MOST:][::-1]
        self._shown = len(self._run.log.marks), _size(self._run.path / "log.txt")
        self.table.setRowCount(len(marks))
        for row, mark in enumerate(marks):
            when = datetime.datetime.fromtimestamp(mark.time).strftime("%d %b %H:%M:%S") if mark.time == mark.time else ""
            for column, text in enumerate((when, f"{mark.step:,}", mark.kind, mark.text)):
                item = QTableWidgetItem(text)
                item.setToolTip(mark.text)
                if column == 2 and mark.kind in _COLOURS:
                    item.setForeground(QBrush(self._theme.palette.color(_COLOURS[mark.kind])))
                self.table.setItem(row, column, item)
        self.log.setPlainText(_tail(self._run.path / "log.txt"))
        self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    def _open(self) -> None:
        if self._run is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._run.path / "log.txt")))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _tail(file: Path) -> str:
    """The last lines of a text file; '' if it cannot be read."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL))
            return stream.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
