"""The base class of views: a hidden view costs nothing, because it is connected to its models only while it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

Subscriptions = Sequence[tuple[Any, Callable[..., object]]]  # signals and their slots


class View(QWidget):
    """A widget that follows models while it is on screen.

    Hidden are also: a page of a stack that is not on top, a dock behind another tab, a minimised window.
    """

    _subscriptions: Subscriptions = ()
    _catch_up: Callable[[], object] | None = None
    following = False

    def follow(self, subscriptions: Subscriptions, catch_up: Callable[[], object]) -> None:
        """Connect signals to slots whenever the view is shown. `catch_up` then shows what it missed; it is also called at once."""
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
                with suppress(RuntimeError):  # the model may be deleted before the view
                    signal.disconnect(slot)
        super().hideEvent(event)
