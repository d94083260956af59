"""A model on the Hub: its facts, and downloading it."""

from __future__ import annotations

from collections.abc import Callable

import qtawesome
from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hrm_model.hub.client import HubSettings
from hrm_model.hub.known import known
from hrm_studio.models.downloads import Download, Downloads
from hrm_studio.models.library import LibraryEntry
from hrm_studio.services.hub_service import Event
from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.error_label import ErrorLabel, MessageLabel
from hrm_studio.units import count, duration, size

_TASKS = {"sudoku-9x9": "Sudoku 9×9", "maze-30x30": "mazes of 30×30", "arc": "ARC tasks, up to 30×30"}

_AGAIN = {"paused": "Resume", "failed": "Try again"}
_BESIDE_WORDS = 72  # pixels of a button for its icon and margins, or more
_OFFLINE = "Offline mode is on: only bundled and downloaded models can be used. The button beside the search field turns it off."


class HubPanel(QWidget):
    """Signals
    -------
    describe_wanted(object)     query the Hub about a LibraryEntry
    cancel_wanted(str)          cancel a download and delete its data
    """

    describe_wanted = Signal(object)
    cancel_wanted = Signal(str)

    def __init__(self, downloads: Downloads, hub: Callable[[], HubSettings], theme: Theme, parent: QWidget | None = None) -> None:
        """`hub`: the settings now, for whether the Hub may be asked at all."""
        super().__init__(parent)
        self._downloads, self._hub, self._theme = downloads, hub, theme
        self._unreached = ""  # why the Hub could not be reached the last time
        self._entry: LibraryEntry | None = None
        self._described: Event | None = None  # the last answer of the Hub
        self.title = QLabel(objectName="bigtitle", wordWrap=True)
        self.id = QLabel(objectName="muted", textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self.values: dict[str, QLabel] = {}
        self._captions: dict[str, QLabel] = {}
        facts = QFrame(objectName="banner")
        grid = QGridLayout(facts)
        grid.setContentsMargins(16, 14, 16, 14)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(10)
        for number, name in enumerate(("task", "parameters", "accuracy", "size", "licence", "commit", "note")):
            value = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            self.values[name] = value
            caption = QLabel(name, objectName="muted")
            self._captions[name] = caption
            grid.addWidget(caption, number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, number, 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, 90)
        self.file = QComboBox(toolTip="The weights file to download", visible=False, accessibleName="Weights")
        self.file.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.file_label = QLabel("file", objectName="muted", visible=False)
        self.revision = QLineEdit(placeholderText="main", accessibleName="Revision")
        self.revision.setToolTip("Branch, tag or commit. The download is pinned to the commit it points at now")
        self.revision.setMaximumWidth(200)
        grid.addWidget(self.file_label, 7, 0)
        grid.addWidget(self.file, 7, 1)
        grid.addWidget(QLabel("revision", objectName="muted"), 8, 0)
        grid.addWidget(self.revision, 8, 1)
        self.fetch = QPushButton("Download", objectName="go")
        self.look = QPushButton("Check the Hub", toolTip="Get the current size, licence, files and commit")
        self.page = QPushButton("Model page", toolTip="Open the model page on huggingface.co")
        self.pause, self.cancel = (
            QPushButton("Pause", toolTip="Pause the download; what is there is kept"),
            QPushButton("Cancel", toolTip="Cancel the download and delete its data"),
        )
        self.fetch.clicked.connect(self._start)
        self.look.clicked.connect(lambda: self.describe_wanted.emit(self._entry) if self._entry else None)
        self.page.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl(f"https://huggingface.co/{self._entry.id}")) if self._entry else None
        )
        self.pause.clicked.connect(self._pause)
        self.cancel.clicked.connect(lambda: self.cancel_wanted.emit(self._entry.id) if self._entry else None)
        row = QHBoxLayout()
        for button in (self.fetch, self.pause, self.cancel, self.look, self.page):  # all stay in place; those of no use now are disabled
            row.addWidget(button)
        widest = max(self.fontMetrics().horizontalAdvance(words) for words in ("Download", *_AGAIN.values()))
        self.fetch.setMinimumWidth(widest + _BESIDE_WORDS)
        self.offline = MessageLabel("offline")
        row.addStretch(1)
        self.progress = QFrame(objectName="banner")
        self.bar = QProgressBar(textVisible=False, maximum=1000)
        self.bar.setFixedHeight(8)
        self.numbers, self.speed = QLabel(), QLabel(objectName="muted", alignment=Qt.AlignmentFlag.AlignRight)
        column = QVBoxLayout(self.progress)
        column.setContentsMargins(16, 12, 16, 12)
        line = QHBoxLayout()
        line.addWidget(self.numbers, 1)
        line.addWidget(self.speed)
        column.addLayout(line)
        column.addWidget(self.bar)
        self.message = ErrorLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.title)
        layout.addWidget(self.id)
        layout.addWidget(self.offline)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(facts)
        words = "Downloads the weights, the configuration and the model card, but no code. The commit is pinned and every hash is checked. A paused download can be resumed."
        layout.addWidget(QLabel(words, objectName="muted", wordWrap=True))
        layout.addStretch(1)
        downloads.changed.connect(lambda repo: self._show_download() if self._entry is not None and repo == self._entry.id else None)
        theme.changed.connect(self._colours)
        self._colours()

    def show_entry(self, entry: LibraryEntry) -> None:
        self._entry = entry
        found = known(entry.id)
        self.title.setText(entry.title)
        self.id.setText(entry.id)
        self.file.clear()
        self.file.hide()
        self.file_label.hide()
        self.revision.clear()
        self._say("task", _TASKS.get(found.task, found.task) if found else "unknown until downloaded")
        self._say("parameters", f"{count(found.parameters)} ({found.kind})" if found and found.parameters else "unknown")
        self._say("accuracy", f"{found.accuracy}  ({found.source})" if found and found.accuracy else "unknown")
        self._say("size", f"about {size(found.nbytes)}" if found and found.nbytes else size(entry.nbytes) if entry.nbytes else "unknown")
        self._say("licence", (found.licence if found else entry.about.partition(",")[0]) or "unknown")
        self._say("note", found.note if found else "")
        self._say("commit", entry.commit[:12] or "latest")
        self.show_reach()
        if self._described is not None and self._described["id"] == entry.id:
            self.show_described(self._described)

    def _say(self, name: str, text: str) -> None:
        self.values[name].setText(text)
        self.values[name].setVisible(bool(text))
        self._captions[name].setVisible(bool(text))
        dull = text.startswith("unknown")
        self.values[name].setStyleSheet(f"color: {self._theme.palette.muted};" if dull else "")

    def show_reach(self) -> None:
        """Say before anyone clicks that the Hub cannot be asked, and what to do."""
        off = self._hub().is_offline
        self.look.setEnabled(not off)
        self._show_download()
        self.offline.setText(_OFFLINE if off else self._unreached)
        self.offline.setVisible(bool(self.offline.text()))

    def show_described(self, event: Event) -> None:
        """Show the Hub's answer about this model."""
        if self._entry is None or event["id"] != self._entry.id:
            return
        self._described = event
        self._unreached = ""
        self.show_reach()
        sizes = dict(event["files"])
        weights = event["weights"]
        self._say("licence", event["licence"] or "unknown: not given in the model card")
        self._say("commit", event["commit"][:12])
        self._say("size", size(sizes[weights[0]]) if weights else "no supported weights file")
        self.file.clear()
        for name in weights:
            self.file.addItem(f"{name}   {size(sizes[name])}", name)
        self.file.setVisible(len(weights) > 1)
        self.file_label.setVisible(len(weights) > 1)

    def show_failure(self, message: str, kind: str = "") -> None:
        """Show why the Hub did not answer; '' clears it. `kind`: of the HubError. Every model's page says that there is no network."""
        if kind == "network":
            self._unreached = "The Hub could not be reached. Downloads need a network; downloaded and bundled models do not."
        self.show_reach()
        self.message.show_message(message)

    def asking(self) -> None:
        self.show_failure("")
        self.look.setEnabled(False)
        self._say("commit", "checking the Hub …")

    def _start(self) -> None:
        if self._entry is None:
            return
        before = self._downloads.by_id.get(self._entry.id)
        if before is not None and before.state in ("paused", "failed"):
            self._downloads.resume(self._entry.id)
        else:
            self._downloads.start(self._entry.id, self.revision.text().strip(), self.file.currentData() or "")

    def _pause(self) -> None:
        if self._entry is not None:
            self._downloads.pause(self._entry.id)

    def _show_download(self) -> None:
        download = self._downloads.by_id.get(self._entry.id) if self._entry is not None else None
        live = download is not None and download.live
        self.fetch.setEnabled(not live and not self._hub().is_offline)
        self.pause.setEnabled(live)
        self.cancel.setEnabled(download is not None and download.state != "finished")
        self.progress.setVisible(download is not None and download.state != "finished")
        self.fetch.setText(_AGAIN.get(download.state, "Download") if download is not None else "Download")
        self.message.show_message(download.message if download is not None else "")
        if download is None:
            return
        self.bar.setMaximum(1000 if download.total else 0)
        self.bar.setValue(round(1000 * download.nbytes / download.total) if download.total else 0)
        self.numbers.setText(f"{size(download.nbytes)} of {size(download.total)}" if download.total else "Connecting to the Hub …")
        self.speed.setText(_speed(download))

    def _colours(self) -> None:
        colours = self._theme.palette
        self.fetch.setIcon(qtawesome.icon("mdi6.download", color=colours.on_accent))
        self.pause.setIcon(qtawesome.icon("mdi6.pause", color=colours.text))
        self.cancel.setIcon(qtawesome.icon("mdi6.close", color=colours.text))
        self.look.setIcon(qtawesome.icon("mdi6.cloud-question-outline", color=colours.text))
        self.page.setIcon(qtawesome.icon("mdi6.open-in-new", color=colours.text))
        if self._entry is not None:
            self.show_entry(self._entry)


def _speed(download: Download) -> str:
    if download.state == "running":
        if download.stalled > 3:
            return f"stalled: no data for {duration(download.stalled)}"
        left = duration(download.seconds_left)
        return f"{size(download.speed)}/s" + (f", {left} left" if left else "")
    return {"paused": "paused", "waiting": "retrying soon", "checking": "checking the hash", "failed": "failed"}.get(download.state, "")
