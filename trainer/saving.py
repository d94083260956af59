"""Writes a run's checkpoints, and waits for room on the disk when the last one does not fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from hrm_model.checkpoint import format as checkpoint
from hrm_model.files import atomic_path
from trainer.config import RunConfig
from trainer.loop import Trainer
from trainer.machine import free_bytes
from trainer.runs.events import Evaluated
from trainer.runs.run_dir import RunDir

LEAST_WAIT = 60.0  # seconds to wait for room at the end of a run
MOST_WAIT = 3600.0
_LOW_DISK = 500 << 20  # bytes
_POLL = 0.5  # seconds between two tries


class NotSaved(OSError):
    """The end of a run could not be written, and it makes no sense to wait longer. The message says what is lost."""

    def __str__(self) -> str:
        return str(self.args[0])


class _KeepsError:
    """A file to write to that remembers why it could not be written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        try:
            return self._stream.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._stream.flush()


def write_checkpoint(run: RunDir, config: RunConfig, trainer: Trainer, state: dict[str, Any]) -> Path:
    """Write a checkpoint of this step unless it is there, and point to it. `state`: the trainer's. OSError."""
    folder = run.checkpoints / f"step_{trainer.step:06d}"
    if not folder.exists():
        run.checkpoints.mkdir(exist_ok=True)
        extra = {
            "task": config.task, "q_continue": config.q_continue,
            "training": {"preset": config.preset, "seed": config.seed, "step": trainer.step,
                         "examples": trainer.step * config.batch_size, "seconds": round(trainer.seconds, 1)},
        }  # fmt: skip
        with atomic_path(folder) as unfinished:
            checkpoint.save(trainer.averaged_model(), unfinished, extra)
            _write_state(state, unfinished / "training_state.pt")
    run.point("last", folder)
    return folder


def _write_state(state: dict[str, Any], file: Path) -> None:
    """Write a trainer's state. OSError on a full disk; torch.save itself raises a RuntimeError that does not say so."""
    with file.open("wb") as stream:
        kept = _KeepsError(stream)
        try:
            torch.save(state, kept)  # type: ignore[arg-type]
        except RuntimeError:
            if kept.error is not None:
                raise kept.error from None
            raise


def point_to_best(run: RunDir, folder: Path, evaluation: Evaluated | None, best: float) -> float:
    """Point to this checkpoint if it is the best so far. Returns the best accuracy. OSError."""
    exact = evaluation["values"].get("exact_accuracy", -1.0) if evaluation else -1.0
    if evaluation is not None and (exact >= best or run.pointer("best") is None):
        run.point("best", folder)
        return exact
    return best


def what_is_saved(run: RunDir) -> str:
    """'its last checkpoint is step_000020', or that there is none."""
    last = run.pointer("last")
    return f"its last checkpoint is {last.name}" if last else "nothing was saved yet"


def unsaved(run: RunDir, step: int, error: OSError) -> str:
    """Why the checkpoint of this step could not be written, and what there is."""
    folder = run.checkpoints / f"step_{step:06d}"
    return f"{folder}: this checkpoint could not be written ({error.strerror or error}); {what_is_saved(run)}."


def low_disk(folder: Path) -> str:
    """A warning if there is no more room than for a few checkpoints like this, else ''."""
    size = sum(file.stat().st_size for file in folder.iterdir())
    free = free_bytes(folder)
    if free >= max(4 * size, _LOW_DISK):
        return ""
    return (
        f"{folder}: only {free / 1e6:,.0f} MB are free, and a checkpoint takes {size / 1e6:,.0f} MB. Free some disk space; when the disk is "
        "full, training goes on without saving, and waits for room at its end."
    )


def insist(
    work: Callable[[], None],
    run: RunDir,
    seconds: float,
    *,
    waiting: Callable[[OSError, float], None],
    given_up: Callable[[], bool],
) -> None:
    """Try until the work succeeds; at most so many seconds more after its first failure. Then, or once it is given up, its OSError.

    What was computed in hours is worth a wait: most full disks are emptied soon. `waiting` is called before each wait with the error
    and the seconds left. If the run's folder is gone, there is no hope.
    """
    end: float | None = None
    while True:
        try:
            return work()
        except OSError as error:
            now = time.monotonic()
            end = now + seconds if end is None else end
            if now >= end or not run.path.is_dir() or given_up():
                raise
            waiting(error, end - now)
            time.sleep(min(_POLL, max(0.0, end - time.monotonic())))
