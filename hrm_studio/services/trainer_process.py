"""Starting trainers. A trainer is a process of its own: it lives on when the studio goes, and is found again by its run directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import trainer
from trainer.run_dir import RunDir


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
        return spawn(["-m", "trainer", str(run.path.resolve())], log)


def spawn(arguments: Sequence[str], log: object, *, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """This Python in a session of its own: neither Ctrl+C nor the end of the studio reaches it."""
    apart = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x00000200 | 0x08000000}  # new group, no console
    return subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,  # type: ignore[call-overload, no-any-return]
        env=environment or child_environment(), **apart,
    )  # fmt: skip


class Children:
    """The trainers that this studio started. `reap()` collects those that ended, so that none stays behind as a zombie."""

    def __init__(self) -> None:
        self._alive: list[subprocess.Popen[bytes]] = []

    def start(self, run: RunDir) -> None:
        self._alive.append(start_trainer(run))

    def reap(self) -> None:
        self._alive = [child for child in self._alive if child.poll() is None]

    def abandon(self) -> None:
        """The studio goes and the trainers stay: keep subprocess from warning about them."""
        for child in self._alive:
            child.returncode = child.returncode if child.returncode is not None else 0
        self._alive = []
