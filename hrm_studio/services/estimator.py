"""Measures what training takes here: each configuration is really trained for a few seconds, in a child process and a folder that goes again."""

from __future__ import annotations

import os
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import QObject, Signal

from hrm_studio.models.estimate import Measured, from_json, key, probe_batch, probe_config, to_json
from hrm_studio.models.run_summary import folder_size, last_words
from hrm_studio.services.trainer_process import child_environment, spawn
from trainer.config import RunConfig
from trainer.run_dir import RunDir, home

_LONGEST = 90.0  # seconds of processor time after which a probe has failed
_LONGEST_WAIT = 600.0  # seconds of waiting, on a machine that is busy with other things
_FULL = 0.9  # share of the machine's memory at which a probe is ended


class Estimator(QObject):
    """One probe at a time, in a thread; what was found is kept for the next start.

    Signals (delivered in the GUI thread)
    -------
    started(str)            a configuration's key: it is being measured
    measured(str, object)   its Measured
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
        self._asked: set[str] = set()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._round = 0  # jobs of earlier rounds are dropped
        self.measured.connect(self._keep)

    # From the GUI thread ---------------------------------------------------------------------------------------------

    def ask(self, config: RunConfig) -> None:
        """Measure this, unless it is known or waits already."""
        name = key(config)
        if name in self.known or name in self._asked:
            return
        self._asked.add(name)
        self._jobs.put(config)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="estimator", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """End the probe at hand and forget those that wait: the machine is needed."""
        self._round += 1
        self._asked.clear()
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        self.cancel()
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _keep(self, name: str, found: Measured) -> None:
        self.known[name] = found
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside = self._file.with_name(self._file.name + ".part")
            beside.write_text(to_json(self.known), encoding="utf-8")
            os.replace(beside, self._file)
        except OSError:
            pass  # measured again next time

    # In the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (config := self._jobs.get()) is not None:
            name, number = key(config), self._round
            if name not in self._asked:
                continue  # cancelled meanwhile
            self.started.emit(name)
            told: Measured | str
            try:
                with tempfile.TemporaryDirectory(prefix="hrm-probe-", ignore_cleanup_errors=True) as folder:
                    told = self._probe(config, Path(folder) / "run")
            except (ValueError, OSError) as error:
                told = str(error)
            if number != self._round:
                continue
            self._asked.discard(name)
            if isinstance(told, str):
                self.failed.emit(name, told)
            else:
                self.measured.emit(name, told)

    def _probe(self, config: RunConfig, path: Path) -> Measured:
        run = RunDir.create(path, probe_config(config))
        with (path / "log.txt").open("ab") as log:
            child = self._child = spawn(["-m", "trainer", str(path)], log, environment=child_environment())
        try:
            memory = self._watch(child)
        finally:
            self._child = None
            if child.poll() is None:
                child.kill()
                child.wait()
        return read_probe(run, config, memory)

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for the child; the most memory it took, in bytes."""
        most, begin = 0, time.monotonic()
        process = psutil.Process(child.pid)
        if os.name == "posix":
            process.nice(5)  # the window comes first
        while child.poll() is None:
            try:
                most, used = max(most, process.memory_info().rss), sum(process.cpu_times()[:2])
            except psutil.Error:
                break
            if used > _LONGEST * (os.cpu_count() or 1) or time.monotonic() - begin > _LONGEST_WAIT:
                raise ValueError(f"no step was done in {time.monotonic() - begin:.0f} seconds")
            if psutil.virtual_memory().percent > 100 * _FULL:
                raise ValueError("it needs more memory than this machine has free")
            time.sleep(0.05)
        child.wait()
        return most


def read_probe(run: RunDir, config: RunConfig, memory: int) -> Measured:
    """What a probe's run directory tells. ValueError says why it tells nothing."""
    events = run.events().read()
    steps = [(e["time"], e["seconds"]) for e in events if e["type"] == "metrics"]
    if len(steps) < 1:
        failed = [str(e.get("message", "")) for e in events if e["type"] == "failed"]
        raise ValueError(failed[-1] if failed else last_words(run.path) or "the probe ended before its first step")
    # The first steps warm caches up; where there is only one, it has to do.
    skipped = min(2, len(steps) - 1)
    start = steps[skipped - 1][1] if skipped else 0.0
    each = (steps[-1][1] - start) / (len(steps) - skipped)
    evaluations: list[dict[str, Any]] = [e for e in events if e["type"] == "evaluation" and e.get("sets")]
    puzzles = sum(s["puzzles"] for e in evaluations[-1:] for s in e["sets"].values())
    judging = evaluations[-1]["time"] - steps[-1][0] if evaluations else 0.0
    last = run.pointer("last")
    return Measured(
        seconds_per_step=max(1e-6, each * config.batch_size / probe_batch(config)), seconds_per_puzzle=max(0.0, judging / puzzles) if puzzles else 0.0,
        memory=memory, checkpoint=folder_size(last) if last else 0, device=str(run.status().get("device") or ""),
    )  # fmt: skip
