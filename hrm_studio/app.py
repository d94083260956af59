"""Starts the studio: the window first, the model after the first paint."""

from __future__ import annotations

import logging
import os
import platform
import sys
from functools import partial
from pathlib import Path

import qtawesome
from PySide6.QtCore import QLocale, QMessageLogContext, QSize, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication, QMessageBox

import hrm_model
from hrm_model.errors import message_of
from hrm_studio import crash
from hrm_studio.log import log_file, trace_native_crashes
from hrm_studio.main_window import MainWindow
from hrm_studio.theme import Theme
from hrm_studio.ui.dialogs.crash import CrashDialogs

_log = logging.getLogger(__name__)
_LEVELS = {QtMsgType.QtDebugMsg: logging.DEBUG, QtMsgType.QtInfoMsg: logging.INFO, QtMsgType.QtCriticalMsg: logging.ERROR, QtMsgType.QtFatalMsg: logging.CRITICAL}  # fmt: skip
_NO_DISPLAY = (
    "hrm-studio: the window cannot open, because Qt finds no display to show it on. Start it in a desktop session, or set DISPLAY or"
    " WAYLAND_DISPLAY. The command line needs no display: hrm-studio --help lists its commands."
)
_NO_FONTS = (
    "hrm-studio: this machine has no fonts, so the window cannot show any text. Install some, such as the package fonts-dejavu-core."
)
_TITLE_BAR = 40  # about the pixels that a desktop draws above a window


def make_application(arguments: list[str]) -> QApplication:
    """The QApplication with the studio's name and base style."""
    application = QApplication.instance() or QApplication(arguments)
    assert isinstance(application, QApplication)
    application.setApplicationName("HRM Studio")
    # All text is English, so numbers are too: no second script's digits beside them, and 1.5 is never read as 15.
    QLocale.setDefault(QLocale.c())
    application.setStyle("Fusion")
    # The studio uses one of QtAwesome's twelve fonts; reading the others would delay the start by 50 ms.
    fonts = tuple(font for font in getattr(qtawesome, "_BUNDLED_FONTS", ()) if font[0] == "mdi6")
    if fonts:
        qtawesome._BUNDLED_FONTS = fonts
    # The window's thread releases the interpreter lock in nearly every call into Qt, and must get it back quickly from worker threads
    # that compute in Python.
    sys.setswitchinterval(0.0002)
    return application


def open_window(path: Path | None = None) -> MainWindow:
    """Show a window. Once it is painted, it opens `path`, or solves its first puzzle."""
    theme = Theme()
    window = MainWindow(theme)
    stored = window.settings.value("theme")
    if stored in ("light", "dark", "system"):
        theme.set_mode(stored)
    room = window.screen().availableGeometry().size()
    if window.settings.value("geometry") is None and _fills(window.size(), room, window.minimumSizeHint()):
        window.showMaximized()
    else:
        window.show()
    QTimer.singleShot(0, window, window.begin if path is None else partial(window.opener.open, path))
    return window


def _fills(wanted: QSize, room: QSize, least: QSize) -> bool:
    """Whether a window of this size with its frame is too large for the screen, but can shrink to fit."""
    fits = wanted.width() <= room.width() and wanted.height() + _TITLE_BAR <= room.height()
    return not fits and least.width() <= room.width()


def show_crashes(window: MainWindow) -> CrashDialogs:
    """From now on unexpected errors of any thread are logged and shown, until the window closes."""
    dialogs = CrashDialogs(window, window.safe)
    window.closing.connect(dialogs.close)
    crash.install(dialogs.show, window.doing)
    return dialogs


def main(argv: list[str] | None = None, path: Path | None = None) -> int:
    """Open the studio, with a file or folder if one is given, and run until its window is closed."""
    trace_native_crashes()
    qInstallMessageHandler(_log_qt)
    application = make_application(argv if argv is not None else sys.argv[:1])
    if not QFontMetrics(QFont()).inFont("a"):  # fontconfig lists families even if there are none
        _log.error("no fonts")
        print(_NO_FONTS, file=sys.stderr)
    try:
        window = open_window(path)
    except Exception as error:  # a person who starts the studio from the desktop sees no terminal
        _log.exception("the window cannot open")
        QMessageBox.critical(None, "HRM Studio", f"The window cannot open. {message_of(error)}\n\nLog: {log_file()}")
        return 1
    show_crashes(window)
    QTimer.singleShot(0, window, _note_start)
    window.offer_tour()
    code = application.exec()
    _log.info("HRM Studio ends")
    qInstallMessageHandler(None)
    del window
    return code


def _note_start() -> None:
    _log.info("HRM Studio %s starts (Python %s, %s)", hrm_model.__version__, platform.python_version(), platform.platform())


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    if kind == QtMsgType.QtFatalMsg and "platform plugin" in message:  # Qt ends the process with a core dump after this
        print(_NO_DISPLAY, f"Qt says: {' '.join(message.split())}", sep="\n", file=sys.stderr, flush=True)
        os._exit(2)
    level = _LEVELS.get(kind, logging.WARNING)
    logging.getLogger("qt").log(level, "%s", message)
    if level >= logging.WARNING and sys.stderr is not None:
        print(message, file=sys.stderr)
