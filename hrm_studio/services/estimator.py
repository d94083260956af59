"""Measures what training takes on this machine: a child process, `python -m trainer --measure`, does some real steps."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, Signal

from hrm_model.errors import RunError, is_expected, message_of
from hrm_model.files import atomic_write
from hrm_studio.crash import report
from hrm_studio.services.trainer_process import child_environment, spawn
from trainer.config import RunConfig, write_config
from trainer.runs.estimate import MeasuredCost, cost_key, from_json, to_json
from trainer.runs.run_dir import home

_LONGEST = 90.0  # seconds of processor time until a probe has failed
_LONGEST_WAIT = 600.0  # seconds of waiting, if the machine is busy
_FULL = 0.9  # share of the machine's memory in use at which a probe is stopped


class Estimator(QObject):
    """One probe at a time, in a thread. Results are kept for the next start.

    Signals (delivered in the GUI thread)
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
        self._file = file or home() / "estimates.json"
        try:
            self.known = from_json(self._file.read_text(encoding="utf-8"))
        except OSError:
            self.known = {}
        self._jobs: queue.SimpleQueue[RunConfig | None] = queue.SimpleQueue()
        self._wanted: set[str] = set()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._round = 0  # probes of earlier rounds are dropped
        self.measured.connect(self._keep)

    # From the GUI thread ---------------------------------------------------------------------------------------------

    def measure(self, config: RunConfig) -> None:
        """Measure a configuration, unless it is known or waiting already."""
        name = cost_key(config)
        if name in self.known or name in self._wanted:
            return
        self._wanted.add(name)
        self._jobs.put(config)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="estimator", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop the current probe and drop the waiting ones: the machine is needed."""
        self._round += 1
        self._wanted.clear()
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        self.cancel()
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _keep(self, name: str, found: MeasuredCost) -> None:
        self.known[name] = found
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._file, "w", sync=False) as stream:
                stream.write(to_json(self.known))
        except OSError:
            pass  # measured again next time

    # In the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (config := self._jobs.get()) is not None:
            name, number = cost_key(config), self._round
            if name not in self._wanted:
                continue  # cancelled meanwhile
            self.started.emit(name)
            found: MeasuredCost | str
            try:
                with tempfile.TemporaryDirectory(prefix="hrm-probe-", ignore_cleanup_errors=True) as folder:
                    found = self._probe(config, Path(folder) / "run")
            except Exception as error:  # it must not end the thread
                if not is_expected(error):
                    report(error, "measuring what a run would take")
                found = message_of(error)
            if number != self._round:
                continue
            self._wanted.discard(name)
            if isinstance(found, str):
                self.failed.emit(name, found)
            else:
                self.measured.emit(name, found)

    def _probe(self, config: RunConfig, folder: Path) -> MeasuredCost:
        folder.mkdir()
        write_config(config, folder / "config.yaml")
        with (folder / "output.txt").open("wb") as output:
            child = self._child = spawn(
                ["-m", "trainer", "--measure", str(folder / "config.yaml")], output, environment=child_environment()
            )
        try:
            self._watch(child)
        finally:
            self._child = None
            if child.poll() is None:
                child.kill()
                child.wait()
        return read_probe((folder / "output.txt").read_text(encoding="utf-8", errors="replace"))

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Wait for the child. RunError if it takes too long or too much memory."""
        begin = time.monotonic()
        process = psutil.Process(child.pid)
        if os.name == "posix":
            process.nice(5)  # the window comes first
        while child.poll() is None:
            try:
                used = sum(process.cpu_times()[:2])
            except psutil.Error:
                break
            if used > _LONGEST * (os.cpu_count() or 1) or time.monotonic() - begin > _LONGEST_WAIT:
                raise RunError(f"no step was done in {time.monotonic() - begin:.0f} seconds")
            if psutil.virtual_memory().percent > 100 * _FULL:
                raise RunError("it needs more memory than this machine has free")
            time.sleep(0.05)
        child.wait()


def read_probe(output: str) -> MeasuredCost:
    """What `python -m trainer --measure` printed. RunError with its last line if it measured nothing."""
    line = output.strip().rpartition("\n")[2]
    try:
        found = json.loads(line)
    except ValueError:
        raise RunError(line or "the probe ended before its first step") from None
    if "error" in found:
        raise RunError(str(found["error"]))
    return MeasuredCost(
        seconds_per_step=found["seconds_per_step"], seconds_per_puzzle=found["seconds_per_puzzle"], memory=found["memory_bytes"],
        checkpoint=found["checkpoint_bytes"], device=found["device"],
    )  # fmt: skip
