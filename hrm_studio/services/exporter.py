"""Follows the process that makes pictures and animations, cancels it, and explains its end."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, Signal

from hrm_studio.export.spec import Spec
from hrm_studio.services.child_end import explain_end


class Exporter(QObject):
    """Makes one file at a time, in a process of its own.

    Signals
    -------
    progress(int, int)  pictures made, pictures in all
    finished(object)    the Path that was made
    failed(str)         a sentence; '' if it was cancelled
    """

    progress = Signal(int, int)
    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._last: dict[str, Any] = {}
        self._rest = b""
        self._cancelled = False

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, trace: Path, name: str, spec: Spec, out: Path) -> None:
        """Make `out` of the entry `name` ('' is the first) of a trace file."""
        assert not self.running
        self._last, self._rest, self._cancelled = {}, b"", False
        self._process = process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._could_not)
        process.start(sys.executable, ["-m", "hrm_studio.render"])
        asked = {"trace": str(trace), "name": name, "spec": asdict(spec), "out": str(out)}
        process.write(json.dumps(asked).encode())
        process.closeWriteChannel()

    def cancel(self) -> None:
        """End it. The unfinished file is removed, an earlier file of that name stays."""
        if self._process is not None:
            self._cancelled = True
            self._process.terminate()

    def close(self) -> None:
        """End it now: the window closes."""
        if self._process is not None:
            self._cancelled = True
            self._process.terminate()
            if not self._process.waitForFinished(2000):
                self._process.kill()
                self._process.waitForFinished(2000)

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            self._last = json.loads(line)
            if "done" in self._last:
                self.progress.emit(self._last["done"], self._last["total"])

    def _could_not(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end("the process that makes pictures could not be started")

    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        process = self._process
        if process is None:
            return
        if "finished" in self._last:
            self._process = None
            process.deleteLater()
            self.finished.emit(Path(self._last["finished"]))
            return
        fault = "" if self._cancelled else self._last.get("failed", "")
        if not fault and not self._cancelled:
            output = bytes(process.readAllStandardError().data()).decode(errors="replace")
            code = code if status == QProcess.ExitStatus.NormalExit else -code
            fault = explain_end("The process that makes pictures", "making a picture", output, code)
        self._end(fault)

    def _end(self, sentence: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        self.failed.emit(sentence)
