"""Requests to the Hub. Each is a process of its own; hrm_model/hub/process.py lists the requests and their events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from hrm_studio.services.child_process import ChildProcess, Reply

Event = Reply
_LAST = ("finished", "failed", "described", "found", "pushed")  # types of events that end a request


class HubService(QObject):
    """Keeps the running requests. `settings` is added to each: endpoint, token, cache, offline."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings: dict[str, Any] = {}
        self._running: list[ChildProcess] = []

    def ask(self, on_event: Callable[[Event], object], **request: Any) -> ChildProcess:
        """Start a request; `on_event` is called with each of its events. Stopped, it keeps what it has downloaded."""
        child = ChildProcess(
            ["-m", "hrm_model.hub.process"], {**self.settings, **request},
            name="The process that asks the Hub", doing="asking the Hub", is_last=lambda event: event.get("type") in _LAST, parent=self,
        )  # fmt: skip
        child.answered.connect(on_event)
        child.ended.connect(lambda fault: self._ended(child, on_event, fault))
        self._running.append(child)
        child.start()
        return child

    def _ended(self, child: ChildProcess, on_event: Callable[[Event], object], fault: str) -> None:
        if fault:
            on_event({"type": "failed", "kind": "other", "message": fault})
        if child in self._running:
            self._running.remove(child)
            child.deleteLater()

    def close(self) -> None:
        """End all of them."""
        for child in self._running:
            child.close()
        self._running.clear()
