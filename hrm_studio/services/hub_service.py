"""Requests to the Hub. Each is a process of its own, so that it can neither block nor crash the window."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from hrm_studio.services.child_end import explain_end
from hrm_studio.services.trainer_process import child_environment

Event = dict[str, Any]


class HubRequest(QObject):
    """One request; see hrm_model/hub/process.py for the requests and their events.

    Signals
    -------
    answered(dict)  an event
    ended()         the process ended, after its last event
    """

    answered = Signal(dict)
    ended = Signal()

    def __init__(self, request: dict[str, Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._line = json.dumps(request).encode() + b"\n"
        self._rest = b""
        self._settled = False  # it reported its outcome, or was stopped
        self._process = QProcess(self)
        environment = QProcessEnvironment()
        for name, value in child_environment().items():
            environment.insert(name, value)
        self._process.setProcessEnvironment(environment)
        self._process.started.connect(lambda: self._process.write(self._line))
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)

    def start(self) -> None:
        self._process.start(sys.executable, ["-m", "hrm_model.hub.process"])

    def stop(self) -> None:
        """End it now; the bytes downloaded so far are kept."""
        self._settled = True
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.kill()

    def close(self) -> None:
        """End it and wait until it has ended."""
        self.blockSignals(True)
        self.stop()
        self._process.waitForFinished(3000)

    def _read(self) -> None:
        # Whole lines only: a pipe cuts anywhere.
        *lines, self._rest = (self._rest + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a library printed into the stream
            if isinstance(event, dict) and "type" in event:
                self._settled |= event["type"] in ("finished", "failed", "described", "found", "pushed")
                self.answered.emit(event)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        if not self._settled:
            self._settled = True
            output = bytes(self._process.readAllStandardError().data()).decode(errors="replace")
            code = code if status == QProcess.ExitStatus.NormalExit else -code
            fault = explain_end("The process that asks the Hub", "asking the Hub", output, code)
            self.answered.emit({"type": "failed", "kind": "other", "message": fault})
        self.ended.emit()

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._settled = True
            self.answered.emit({"type": "failed", "kind": "other", "message": f"{sys.executable} could not be started"})
            self.ended.emit()


class HubService(QObject):
    """Keeps the running requests. `settings` is added to each: endpoint, token, cache, offline."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings: dict[str, Any] = {}
        self._running: list[HubRequest] = []

    def ask(self, on_event: Callable[[Event], object], **request: Any) -> HubRequest:
        """Start a request; `on_event` is called with each of its events."""
        made = HubRequest({**self.settings, **request}, self)
        made.answered.connect(on_event)
        made.ended.connect(lambda: self._forget(made))
        self._running.append(made)
        made.start()
        return made

    def _forget(self, request: HubRequest) -> None:
        if request in self._running:
            self._running.remove(request)
            request.deleteLater()

    def close(self) -> None:
        """End all of them."""
        for request in self._running:
            request.close()
        self._running.clear()
