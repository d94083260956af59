"""Starts trainers. A trainer is a process of its own: it outlives the studio, which finds it again by its run directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from hrm_model.children import child_environment
from trainer.runs.run_dir import RunDir

_NICENESS = 5  # the window comes first


def start_trainer(run: RunDir) -> subprocess.Popen[bytes]:
    """Start `python -m trainer` on a run directory, independent of this process. Its output goes to the run's log.txt.

    OSError if the folder cannot be written or the process cannot start.
    """
    with (run.path / "log.txt").open("ab") as log:
        child = spawn(["-m", "trainer", str(run.path.resolve())], log)
    if os.name == "posix":
        with suppress(psutil.Error):
            process = psutil.Process(child.pid)
            process.nice(min(19, process.nice() + _NICENESS))
    return child


def spawn(arguments: Sequence[str], log: object, *, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start this Python in a session of its own, out of reach of Ctrl+C and of the studio's end."""
    apart = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x00000200 | 0x08000000}  # new group, no console
    return subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,  # type: ignore[call-overload, no-any-return]
        env=environment or child_environment(), **apart,
    )  # fmt: skip


class Trainers:
    """The trainers that this studio started, by run directory."""

    def __init__(self) -> None:
        self._alive: list[tuple[Path, subprocess.Popen[bytes]]] = []

    def start(self, run: RunDir) -> None:
        """OSError if the folder cannot be written or the process cannot start."""
        self._alive.append((run.path, start_trainer(run)))

    def starting(self, path: Path) -> bool:
        """Whether a trainer started for this run is still alive."""
        return any(place == path and child.poll() is None for place, child in self._alive)

    def reap(self) -> list[tuple[Path, int]]:
        """The trainers that ended since the last call, with their exit codes. No zombie process remains."""
        ended = [(path, child.returncode) for path, child in self._alive if child.poll() is not None]
        self._alive = [(path, child) for path, child in self._alive if child.returncode is None]
        return ended

    def abandon(self) -> None:
        """The studio closes and the trainers stay: keep subprocess from warning about them."""
        for _, child in self._alive:
            child.returncode = child.returncode if child.returncode is not None else 0
        self._alive = []
