"""A child process that answers in JSON, so that what it does can neither block nor crash the window."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from hrm_model.children import child_environment
from hrm_model.errors import child_crash
from hrm_studio.crash import report

_log = logging.getLogger(__name__)
_WAIT_MS = 3000  # for a process to end, when the window closes

Reply = dict[str, Any]


class ChildProcess(QObject):
    """This Python with other arguments. It reads one line of JSON, `request`, and prints JSON objects, one a line.

    `name` and `doing` are for messages: 'The process that makes pictures', 'making a picture'. `is_last`: whether an answer is the outcome;
    a process that ends without one has crashed, and is reported as a bug if it printed a traceback. `graceful`: it cleans up at SIGTERM.

    Signals
    -------
    answered(dict)  an object that it printed
    ended(str)      it ended, after its last answer: '' if that is its outcome or it was stopped, else a sentence that says why
    """

    answered = Signal(dict)
    ended = Signal(str)

    def __init__(
        self,
        arguments: Sequence[str],
        request: Reply | None = None,
        *,
        name: str,
        doing: str,
        is_last: Callable[[Reply], bool],
        graceful: bool = False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._arguments, self._request, self._name, self._doing = list(arguments), request, name, doing
        self._is_last, self._graceful = is_last, graceful
        self._settled = False  # it gave its outcome, or was stopped
        self._rest = b""
        self._process = QProcess(self)
        environment = QProcessEnvironment()
        for key, value in child_environment().items():
            environment.insert(key, value)
        self._process.setProcessEnvironment(environment)
        self._process.started.connect(self._send)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._could_not)

    @property
    def running(self) -> bool:
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        """0 before it has started."""
        return int(self._process.processId())

    def start(self) -> None:
        self._process.start(sys.executable, self._arguments)

    def stop(self) -> None:
        """End it now. `ended` follows."""
        self._settled = True
        if not self.running:
            return
        if self._graceful and os.name == "posix":
            self._process.terminate()
        else:  # Windows has no SIGTERM
            self._process.kill()

    def close(self) -> None:
        """End it and wait until it has ended. No signal follows."""
        self.blockSignals(True)
        self.stop()
        if self.running and not self._process.waitForFinished(_WAIT_MS):
            self._process.kill()
            self._process.waitForFinished(_WAIT_MS)

    def _send(self) -> None:
        if self._request is not None:
            self._process.write(json.dumps(self._request).encode() + b"\n")

    def _read(self) -> None:
        # Whole lines only: a pipe cuts anywhere.
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                answer = json.loads(line)
            except ValueError:
                continue  # a library printed something
            if isinstance(answer, dict):
                self._settled |= self._is_last(answer)
                self.answered.emit(answer)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self.ended.emit("" if self._settled else self._explain(code if status == QProcess.ExitStatus.NormalExit else -code))

    def _explain(self, code: int) -> str:
        output = bytes(self._process.readAllStandardError().data()).decode(errors="replace")
        error = child_crash(self._name, output, code)
        if "Traceback (most recent call last)" in output:
            report(error, self._doing)
        else:  # something else may have killed it
            _log.warning("%s", error)
        return str(error)

    def _could_not(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.ended.emit(f"{self._name} could not be started: {self._process.errorString()}")
