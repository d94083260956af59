"""Starting trainers. A trainer is a process of its own: it lives on when the studio goes, and is found again by its run directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

import trainer
from trainer.runs.run_dir import RunDir

_NICENESS = 5  # the window comes first


def child_environment() -> dict[str, str]:
    """The environment of a child that is to run this very code, from wherever the studio was started."""
    assert trainer.__file__ is not None
    here = str(Path(trainer.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])}


def start_trainer(run: RunDir) -> subprocess.Popen[bytes]:
    """Start `python -m trainer` on a run directory, apart from this process. What it prints goes to the run's log.txt.

    OSError where the folder cannot be written or no process can be made.
    """
    with (run.path / "log.txt").open("ab") as log:
        child = spawn(["-m", "trainer", str(run.path.resolve())], log)
    if os.name == "posix":
        with suppress(psutil.Error):
            process = psutil.Process(child.pid)
            process.nice(min(19, process.nice() + _NICENESS))
    return child


def spawn(arguments: Sequence[str], log: object, *, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """This Python in a session of its own: neither Ctrl+C nor the end of the studio reaches it."""
    apart = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x00000200 | 0x08000000}  # new group, no console
    return subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,  # type: ignore[call-overload, no-any-return]
        env=environment or child_environment(), **apart,
    )  # fmt: skip


class Trainers:
    """The trainers that this studio started, and their run directories."""

    def __init__(self) -> None:
        self._alive: list[tuple[Path, subprocess.Popen[bytes]]] = []

    def start(self, run: RunDir) -> None:
        """OSError where the folder cannot be written or no process can be made."""
        self._alive.append((run.path, start_trainer(run)))

    def starting(self, path: Path) -> bool:
        """Whether a trainer that was started for this run is still there."""
        return any(place == path and child.poll() is None for place, child in self._alive)

    def reap(self) -> list[tuple[Path, int]]:
        """Those that ended since the last call, and their exit codes. None stays behind as a zombie."""
        ended = [(path, child.returncode) for path, child in self._alive if child.poll() is not None]
        self._alive = [(path, child) for path, child in self._alive if child.returncode is None]
        return ended

    def abandon(self) -> None:
        """The studio goes and the trainers stay: keep subprocess from warning about them."""
        for _, child in self._alive:
            child.returncode = child.returncode if child.returncode is not None else 0
        self._alive = []
