"""Shows unexpected errors; the studio keeps running."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFontDatabase
from PySide6.QtWidgets import QApplication, QCheckBox, QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from hrm_studio.crash import Crash, report_text
from hrm_studio.log import log_file

_PAUSE = 1.0  # seconds: the same error again within this time is not shown again


class CrashDialog(QDialog):
    """The first error, how often it came, and how many others followed. `safe`: what the person need not worry about."""

    def __init__(self, crash: Crash, safe: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Something went wrong")
        self.setMinimumWidth(560)
        self._first = crash
        self._counts: Counter[tuple[str, str]] = Counter()
        self._crashes: dict[tuple[str, str], Crash] = {}
        self.title = QLabel(f"Something went wrong while {crash.doing}.", wordWrap=True, objectName="title")
        self.error = QLabel(crash.error, wordWrap=True, objectName="error")
        self.error.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.count = QLabel(wordWrap=True, objectName="muted", visible=False)
        self.safe = QLabel(safe, wordWrap=True)
        self.details = QPlainTextEdit(readOnly=True, visible=False, accessibleName="Details of the error")
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setMinimumHeight(220)
        self.silence = QCheckBox("Do not show this error again until the studio restarts")
        self.more = QPushButton("Details", checkable=True, toolTip="Show where in the program it happened", autoDefault=False)
        self.copy = QPushButton("Copy report", toolTip="Copy the error, versions and the end of the log", autoDefault=False)
        self.log = QPushButton("Open log", toolTip="Open the log file", autoDefault=False)
        self.go_on = QPushButton("Continue", objectName="go", default=True)
        self._lay_out()
        self.more.toggled.connect(self._show_details)
        self.copy.clicked.connect(self._copy)
        self.log.clicked.connect(open_log)
        self.go_on.clicked.connect(self.accept)
        self.add(crash)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for widget in (self.more, self.copy, self.log):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        buttons.addWidget(self.go_on)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        for widget in (self.title, self.error, self.count, self.safe, self.details, self.silence):
            layout.addWidget(widget, 1 if widget is self.details else 0)
        layout.addLayout(buttons)
        self.go_on.setFocus()

    def add(self, crash: Crash) -> None:
        """An error came, for the first time or again."""
        self._counts[crash.key] += 1
        if crash.key not in self._crashes:
            self._crashes[crash.key] = crash
            self.details.setPlainText("\n\n".join(c.traceback for c in self._crashes.values()))
        times, others = self._counts[self._first.key], len(self._crashes) - 1
        lines = [f"It happened {times:,} times."] if times > 1 else []
        if others:
            lines.append(f"{others} other error{'s' if others > 1 else ''} followed; the report has them all.")
        self.count.setText(" ".join(lines))
        self.count.setVisible(bool(lines))

    def report(self) -> str:
        return report_text([(crash, self._counts[key]) for key, crash in self._crashes.items()])

    @property
    def keys(self) -> set[tuple[str, str]]:
        """The errors that came while this was open."""
        return set(self._crashes)

    def _show_details(self, shown: bool) -> None:
        self.details.setVisible(shown)
        self.more.setText("Hide details" if shown else "Details")
        self._layout.activate()
        self.adjustSize()

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.report())
        self.copy.setText("Copied")


class CrashDialogs(QObject):
    """Shows one dialog at a time. Errors that come while it is open are counted in it.

    `show` may be called in any thread. `safe()` says what the error did not touch.
    """

    _arrived = Signal()

    def __init__(self, window: QWidget, safe: Callable[[], str]) -> None:
        super().__init__(window)
        self._window, self._safe = window, safe
        self._lock = threading.Lock()
        self._waiting: list[Crash] = []
        self._closed = False
        self._silenced: set[tuple[str, str]] = set()
        self._last: dict[tuple[str, str], float] = {}  # when each error came last, in seconds
        self.dialog: CrashDialog | None = None
        # Queued always: an error within a paint event must not open a window there.
        self._arrived.connect(self._show_all, Qt.ConnectionType.QueuedConnection)

    def show(self, crash: Crash) -> None:
        """Show an error soon."""
        with self._lock:
            if self._closed:
                return
            self._waiting.append(crash)
            first = len(self._waiting) == 1  # a flood costs one event of the loop, not thousands
        if first:
            self._arrived.emit()

    def close(self) -> None:
        """The window closes: no dialog from now on."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        if self.dialog is not None:
            self.dialog.close()

    def _show_all(self) -> None:
        with self._lock:
            crashes, self._waiting = self._waiting, []
        for crash in crashes:
            self._take(crash)

    def _take(self, crash: Crash) -> None:
        now, before = time.monotonic(), self._last.get(crash.key)
        self._last[crash.key] = now
        if self.dialog is not None:
            self.dialog.add(crash)
        elif crash.key not in self._silenced and (before is None or now - before > _PAUSE):
            parent = QApplication.activeModalWidget() or self._window  # a modal dialog would take all clicks from it
            self.dialog = CrashDialog(crash, self._safe(), parent)
            self.dialog.finished.connect(self._gone)
            self.dialog.destroyed.connect(self._forget)
            self.dialog.show()

    def _gone(self) -> None:
        assert self.dialog is not None
        if self.dialog.silence.isChecked():
            self._silenced |= self.dialog.keys
        for key in self.dialog.keys:
            self._last[key] = time.monotonic()
        self.dialog = None

    def _forget(self) -> None:
        """Destroyed with its parent, without having been closed."""
        self.dialog = None


def open_log() -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file())))


def open_log_folder() -> None:
    log_file().parent.mkdir(parents=True, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file().parent)))
