"""A panel that makes its view after its first paint, so that the window appears before its plots are made."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hrm_studio.services.background import Background
from hrm_studio.ui.widgets.focus_keys import leave_focus_on_click
from hrm_studio.ui.widgets.hover_help import explain


class BuildQueue(QTimer):
    """Runs callables one by one, with a pause for the window in between."""

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
    """At least as large as `size`. A thread imports the view's module first: in the GUI thread that would freeze the window.

    A panel that is never shown never makes its view.

    Signals
    -------
    made()      the view is there
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
        """Whether the panel is on screen and its view is not made yet."""
        return self._view is None and self.isVisible()

    def view(self) -> QWidget:
        """The view; made now if it is not there yet."""
        if self._view is None:
            self._view = self._make()
            self._layout.addWidget(self._view)
            self._view.show()  # else the layout shows it only in the event loop's next turn
            explain(self._view)
            leave_focus_on_click(self._view)
            self.made.emit()
        return self._view

    def minimumSizeHint(self) -> QSize:
        return self._size.expandedTo(super().minimumSizeHint())

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._asked:
            self._asked = True
            self._background.run(lambda: importlib.import_module(self._module), lambda _: self._queue.add(self.view))
