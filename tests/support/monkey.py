"""A monkey at the window: clicks, types, drags, turns the wheel, drops and resizes at random. `python -m tests.benchmarks.monkey` lets it play long."""

from __future__ import annotations

import gc
import random
import time
from collections import Counter, deque
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QDesktopServices, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QInputDialog, QMessageBox, QWidget
from shiboken6 import isValid

from hrm_model.assets import bundled_models
from hrm_studio.main_window import MainWindow
from hrm_studio.services import estimator, trainer_process

_K, _B = Qt.Key, Qt.MouseButton
_PLAIN, _CTRL, _SHIFT, _ALT = (
    Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier,
)  # fmt: skip
_KEYS = [
    *(Qt.Key(_K.Key_A + i) for i in range(26)), *(Qt.Key(_K.Key_0 + i) for i in range(10)), _K.Key_Space, _K.Key_Return, _K.Key_Escape,
    _K.Key_Tab, _K.Key_Backtab, _K.Key_Left, _K.Key_Right, _K.Key_Up, _K.Key_Down, _K.Key_Home, _K.Key_End, _K.Key_PageUp, _K.Key_PageDown,
    _K.Key_Backspace, _K.Key_Delete, _K.Key_F1, _K.Key_F6, _K.Key_F10, _K.Key_F11, _K.Key_Period, _K.Key_NumberSign, _K.Key_Menu,
]  # fmt: skip
_CLIPBOARD = (
    "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", "1234" + "." * 12, "no puzzle", "", "." * 81,
    "#####\n#S G#\n#####\n#   #\n#####", "1" * 81, "\u00a0|🧩|", "9" * 5000,
)  # fmt: skip
_NATURE = (("click", 40), ("key", 34), ("wheel", 8), ("drag", 5), ("resize", 3), ("action", 6), ("page", 2), ("clipboard", 1), ("open", 1))


def keep_in_the_cage(patch: pytest.MonkeyPatch) -> None:
    """Replaces what would leave the window: file dialogs and questions are dismissed at once, and no trainer starts."""
    for name in ("getOpenFileName", "getSaveFileName", "getOpenFileNames"):
        patch.setattr(QFileDialog, name, staticmethod(lambda *_, **__: ("", "")))
    patch.setattr(QFileDialog, "getExistingDirectory", staticmethod(lambda *_, **__: ""))
    patch.setattr(QInputDialog, "getText", staticmethod(lambda *_, **__: ("", False)))
    patch.setattr(QMessageBox, "exec", lambda self: 0)
    for name in ("question", "warning", "information", "critical"):
        patch.setattr(QMessageBox, name, staticmethod(lambda *_, **__: QMessageBox.StandardButton.No))
    patch.setattr(QDesktopServices, "openUrl", staticmethod(lambda *_: True))
    patch.setenv("HF_HUB_OFFLINE", "1")
    spawn = trainer_process.spawn
    for module in (trainer_process, estimator):
        if hasattr(module, "spawn"):
            patch.setattr(module, "spawn", lambda arguments, log, **more: spawn(["-c", "pass"], log, **more))


def widgets_by_type() -> Counter[str]:
    """The number of objects of each type, after garbage collection."""
    gc.unfreeze()  # importing torch freezes what there is then, windows among it
    for _ in range(3):  # what Qt deletes frees what Python held, and the other way round
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
    tops = QApplication.topLevelWidgets()
    return Counter(type(widget).__name__ for top in tops for widget in [top, *top.findChildren(QWidget)])


class Monkey(QObject):
    """Plays with one window. The same seed makes the same choices as long as the window reacts in the same way."""

    def __init__(self, window: MainWindow, seed: int, folder: Path, last: deque[str] | None = None) -> None:
        super().__init__()
        self._window, self._random = window, random.Random(seed)
        self._end, self._most = 0.0, 0
        self._loop = QEventLoop()
        self.done: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=8) if last is None else last
        puzzles = folder / "puzzles.txt"
        puzzles.write_text("\n".join(c.replace("\n", "") for c in _CLIPBOARD[:2]))
        noise = folder / "noise.h5"
        noise.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
        self._paths = [puzzles, noise, folder / "nowhere", folder, *(model.path for model in bundled_models())]
        window.installEventFilter(self)

    def play(self, seconds: float, most: int = 1_000_000) -> None:
        """Returns once the time is over or it has acted `most` times, and all menus and dialogs are closed."""
        self._end, self._most = time.monotonic() + seconds, most
        QTimer.singleShot(0, self._act)
        self._loop.exec()
        for _ in range(20):
            self._close_all()
            QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self._window.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close and watched is self._window:
            event.ignore()
            return True  # it stays open
        return False

    @staticmethod
    def _close_all() -> None:
        popup = QApplication.activePopupWidget()
        if popup is not None:
            popup.close()
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog) and widget.isVisible():
                widget.close()

    def _act(self) -> None:
        if time.monotonic() > self._end or self.done.total() >= self._most:
            # Menus run event loops of their own; they end before ours does.
            self._close_all()
            QTimer.singleShot(0, self._loop.quit)
            return
        # First, because the rest may run an event loop of its own.
        QTimer.singleShot(self._random.choice((0, 0, 0, 5, 30)), self._act)
        names, weights = zip(*_NATURE, strict=True)
        name = self._random.choices(names, weights)[0]
        self.done[name] += 1
        if self._random.random() < 0.02:
            self._close_all()  # else it would only ever see menus
        getattr(self, f"_{name}")()

    def _somewhere(self) -> tuple[QWidget, QPoint]:
        """A widget under a random point of what can be reached now."""
        top = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if top is None:
            floating = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.width() > 20 and w.isWindow()]
            top = self._random.choice(floating) if floating and self._random.random() < 0.1 else self._window
        point = QPoint(self._random.randrange(max(1, top.width())), self._random.randrange(max(1, top.height())))
        # Not by top.childAt(): shiboken would count the widget as a child of `top`, and forget it where it forgets `top`.
        widget = QApplication.widgetAt(top.mapToGlobal(point))
        if widget is None or not top.isAncestorOf(widget):
            widget = top
        self.last.append(f"{type(widget).__name__} {widget.objectName()} {widget.accessibleName()}")
        return widget, widget.mapFrom(top, point) if widget is not top else point

    def _click(self) -> None:
        widget, point = self._somewhere()
        button = self._random.choices((_B.LeftButton, _B.RightButton, _B.MiddleButton), (8, 2, 1))[0]
        keys = self._random.choices((_PLAIN, _CTRL, _SHIFT), (8, 1, 1))[0]
        act = QTest.mouseDClick if self._random.random() < 0.1 else QTest.mouseClick
        try:
            act(widget, button, keys, point)
        except RuntimeError:
            if isValid(widget):
                raise  # else the press took it away

    def _drag(self) -> None:
        widget, point = self._somewhere()
        try:
            QTest.mousePress(widget, _B.LeftButton, _PLAIN, point)
        except RuntimeError:
            if isValid(widget):
                raise
        for _ in range(4):
            if not isValid(widget):
                return  # the press took it away
            QTest.mouseMove(
                widget, QPoint(self._random.randrange(-50, widget.width() + 50), self._random.randrange(-50, widget.height() + 50))
            )
        if isValid(widget):
            QTest.mouseRelease(widget, _B.LeftButton, _PLAIN, point)

    def _wheel(self) -> None:
        widget, point = self._somewhere()
        turn = QPoint(0, self._random.choice((-240, -120, 120, 240)))
        keys = self._random.choices((_PLAIN, _CTRL), (4, 1))[0]
        spot = QPointF(widget.mapToGlobal(point))
        event = QWheelEvent(QPointF(point), spot, QPoint(), turn, _B.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False)
        QApplication.sendEvent(widget, event)

    def _key(self) -> None:
        widget = QApplication.activePopupWidget() or QApplication.focusWidget() or self._window
        key = self._random.choice(_KEYS)
        keys = self._random.choices((_PLAIN, _CTRL, _SHIFT, _ALT), (12, 2, 2, 1))[0]
        self.last.append(f"{key} {keys} on {type(widget).__name__}")
        QTest.keyClick(widget, key, keys)

    def _resize(self) -> None:
        self._window.resize(self._random.randrange(300, 1900), self._random.randrange(250, 1200))

    def _action(self) -> None:
        name = self._random.choice(self._window.actions_table.available())
        self.last.append(f"action {name}")
        self._window.actions_table.by_name[name].trigger()

    def _page(self) -> None:
        self._window.show_page(self._random.choice(list(self._window.top_bar.tabs)))

    def _clipboard(self) -> None:
        QApplication.clipboard().setText(self._random.choice(_CLIPBOARD))

    def _open(self) -> None:
        self._window.opener.open(self._random.choice(self._paths))
