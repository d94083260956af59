"""Measures what training takes here: a child process, `python -m trainer --measure`, does some real steps of each configuration."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from hrm_studio.services.child_process import ChildProcess, Reply
from trainer.config import RunConfig, write_config
from trainer.runs.estimate import MeasuredCost, cost_key, cost_of, estimates_file, keep_cost, known_costs, slow_row

_LONGEST = 90.0  # seconds of processor time after which a measurement has failed
_LONGEST_WAIT = 600.0  # seconds of waiting, on a machine that is busy with other things
_FULL = 0.9  # share of the machine's memory at which a measurement is ended
_NICENESS = 5  # the window comes first
_WATCH_MS = 100


class Estimator(QObject):
    """Measures one configuration at a time. Results are kept for the next start.

    Signals
    -------
    started(str)            a configuration's key: it is being measured
    measured(str, object)   its MeasuredCost
    failed(str, str)        a sentence: why it could not be measured
    """

    started = Signal(str)
    measured = Signal(str, object)
    failed = Signal(str, str)

    def __init__(self, file: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file or estimates_file()
        self.known = known_costs(self._file)
        self._waiting: deque[RunConfig] = deque()
        self._config: RunConfig | None = None  # being measured
        self._wanted: set[str] = set()  # keys of those that wait or are being measured
        self.child: ChildProcess | None = None
        self._name, self._answer, self._excess, self._begun = "", Reply(), "", 0.0  # of the measurement under way
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._watch = QTimer(self, interval=_WATCH_MS)
        self._watch.timeout.connect(self._check_limits)

    def measure(self, config: RunConfig) -> None:
        """Measure this, unless it is known or waits already."""
        name = cost_key(config)
        if name not in self.known and name not in self._wanted:
            self._wanted.add(name)
            self._waiting.append(config)
            self._next()

    def cancel(self) -> None:
        """End the measurement under way and forget those that wait: the machine is needed."""
        self._waiting.clear()
        self._wanted.clear()
        if self.child is not None:
            self.child.stop()

    def close(self) -> None:
        self.cancel()
        if self.child is not None:
            self._watch.stop()
            self.child.close()
            self._clear()

    def _next(self) -> None:
        if self.child is not None or not self._waiting:
            return
        config = self._config = self._waiting.popleft()
        self._name, self._answer, self._excess = cost_key(config), Reply(), ""
        self._folder = folder = tempfile.TemporaryDirectory(prefix="hrm-probe-", ignore_cleanup_errors=True)
        file = Path(folder.name) / "config.yaml"
        write_config(config, file)
        self.child = ChildProcess(
            ["-m", "trainer", "--measure", str(file)],
            name="The process that measures", doing="measuring what a run would take", is_last=lambda answer: "error" in answer or "device" in answer, parent=self,
        )  # fmt: skip
        self.child.answered.connect(self._take)
        self.child.ended.connect(self._ended)
        self.started.emit(self._name)
        self._begun = time.monotonic()
        self.child.start()
        self._watch.start()

    def _take(self, answer: Reply) -> None:
        self._answer = answer

    def _check_limits(self) -> None:
        """Stop a measurement that takes too long or too much."""
        if self.child is None or not self.child.pid:
            return
        waited, used = time.monotonic() - self._begun, 0.0
        with suppress(psutil.Error):  # it may have ended just now
            process = psutil.Process(self.child.pid)
            used = sum(process.cpu_times()[:2])
            if os.name == "posix" and process.nice() < _NICENESS:
                process.nice(_NICENESS)
        if used > _LONGEST * (os.cpu_count() or 1) or waited > _LONGEST_WAIT:
            assert self._config is not None
            self._excess = slow_row(self._config, self._answer) or f"no step was done in {waited:.0f} seconds"
        elif psutil.virtual_memory().percent > 100 * _FULL:
            self._excess = "it needs more memory than this machine has free"
        if self._excess:
            self.child.stop()

    def _ended(self, fault: str) -> None:
        self._watch.stop()
        self._clear()
        name, fault = self._name, self._excess or fault or self._answer.get("error", "")
        if name in self._wanted:  # else it was cancelled
            self._wanted.discard(name)
            if fault:
                self.failed.emit(name, fault)
            else:
                self._keep(name, cost_of(self._answer))
        self._next()

    def _clear(self) -> None:
        """The process has ended: remove it and its folder."""
        if self.child is not None:
            self.child.deleteLater()
        if self._folder is not None:
            self._folder.cleanup()
        self.child = self._folder = None

    def _keep(self, name: str, found: MeasuredCost) -> None:
        self.known[name] = found
        keep_cost(self._file, name, found)
        self.measured.emit(name, found)
