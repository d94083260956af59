"""A hidden view costs nothing: its subscriptions hold only while it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

Subscriptions = Sequence[tuple[Any, Callable[..., object]]]  # signals and their slots


class View(QWidget):
    """A widget that follows models while it is on screen.

    A page of a stack, a dock behind another tab and a minimised window are all hidden.
    """

    _subscriptions: Subscriptions = ()
    _catch_up: Callable[[], object] | None = None
    following = False

    def follow(self, subscriptions: Subscriptions, catch_up: Callable[[], object]) -> None:
        """Connect signals to slots whenever the view is shown; `catch_up` then shows what it missed, and is called now too."""
        self._subscriptions, self._catch_up = subscriptions, catch_up
        catch_up()

    def showEvent(self, event: QShowEvent) -> None:
        if not self.following and self._catch_up is not None:
            self.following = True
            for signal, slot in self._subscriptions:
                signal.connect(slot)
            self._catch_up()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        if self.following:
            self.following = False
            for signal, slot in self._subscriptions:
                with suppress(RuntimeError):  # what is followed may be gone before who follows it
                    signal.disconnect(slot)
        super().hideEvent(event)
