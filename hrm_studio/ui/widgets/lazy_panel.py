"""A panel whose view is made once it was painted for the first time: the window stands before its plots are there."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hrm_studio.services.background import Background
from hrm_studio.ui.widgets.hover_help import explain


class BuildQueue(QTimer):
    """Does what it is given one after the other, with time for the window in between."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Callable[[], object]] = []
        self.setInterval(15)
        self.timeout.connect(self._next)

    def add(self, work: Callable[[], object]) -> None:
        self._waiting.append(work)
        if not self.isActive():
            self.start()

    def _next(self) -> None:
        work = self._waiting.pop(0)
        if not self._waiting:
            self.stop()
        work()


class LazyPanel(QWidget):
    """Takes the room of `size` at least. The view's module is imported by a thread, for importing plots would stop the window for a while.

    One that is never shown is never made.

    Signals
    -------
    made()
    """

    made = Signal()

    def __init__(
        self,
        make: Callable[[], QWidget],
        module: str,
        size: QSize,
        background: Background,
        queue: BuildQueue,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._make, self._module, self._size, self._background, self._queue = make, module, size, background, queue
        self._asked = False
        self._view: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @property
    def pending(self) -> bool:
        """Whether it is on screen and its view is not there yet."""
        return self._view is None and self.isVisible()

    def view(self) -> QWidget:
        """The view, made now where it was not yet."""
        if self._view is None:
            self._view = self._make()
            self._layout.addWidget(self._view)
            self._view.show()  # the layout would show it only once the event loop runs again
            explain(self._view)
            self.made.emit()
        return self._view

    def minimumSizeHint(self) -> QSize:
        return self._size.expandedTo(super().minimumSizeHint())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._asked:
            self._asked = True
            self._background.run(lambda: importlib.import_module(self._module), lambda _: self._queue.add(self.view))
