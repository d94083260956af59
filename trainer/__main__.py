"""`python -m trainer RUN_DIR`: start the run of that directory, or go on where its last checkpoint stands.

Ends with 0 when the run finished or was stopped, 1 when it failed, 2 when the directory cannot be used.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from hrm_model import checkpoint
from trainer.config import ConfigError
from trainer.dataset import Batches, cached_pool, evaluation_sets
from trainer.events import Event, LineReader, event
from trainer.loop import Diverged, Trainer
from trainer.run_dir import RunDir, RunError, write_json

_STATUS_EVERY = 1.0  # seconds


class Session:
    """One process's work on one run directory: obeys commands, writes events, status and checkpoints."""

    def __init__(self, run: RunDir) -> None:
        self.run, self.config = run, run.config()
        # Commands for a trainer that is gone are not for this one.
        size = run.commands_file.stat().st_size if run.commands_file.exists() else 0
        self.commands = LineReader(run.commands_file, offset=size)
        self.ending: str | None = None  # 'stop' or 'abort'
        self.best = -1.0
        self.last_status = 0.0
        self.begin = time.monotonic()
        self.begin_step = 0

    def go(self) -> None:
        run, config = self.run, self.config
        puzzles, solutions = cached_pool(config, run.path / "pool.npz")
        self.trainer = trainer = Trainer(config, Batches(config, puzzles, solutions), evaluation_sets(config))
        last = run.pointer("last")
        if last is not None:
            trainer.load_state_dict(torch.load(last / "training_state.pt", map_location=trainer.device, weights_only=True))
        for old in run.events().read():
            if old["type"] == "evaluation" and old["step"] <= trainer.step and old["values"]:
                self.best = max(self.best, old["values"]["exact_accuracy"])
        self.begin_step = trainer.step
        write_json(run.path / "env.json", environment(trainer))
        # Events of steps after `step` come from a process that was killed; who follows the run drops them.
        run.emit(event("started", trainer.step, resumed=last is not None, pid=os.getpid(), steps=config.steps))
        for entry in trainer.train():
            if entry["type"] != "tick":
                run.emit(entry)
                print(describe(entry), flush=True)
            if entry["type"] == "evaluation":
                self.save(entry)
            elif trainer.step % config.checkpoint_every == 0:
                self.save()
            self.obey()
            self.status("running")
            if self.ending:
                break
        if self.ending != "abort" and not self.saved_already():
            self.save()
        run.emit(event("finished", trainer.step, reason={"stop": "stopped", "abort": "aborted"}.get(self.ending or "", "done")))
        self.status("stopped" if self.ending else "finished", now=True)

    def saved_already(self) -> bool:
        last = self.run.pointer("last")
        return last is not None and last.name == f"step_{self.trainer.step:06d}"

    def obey(self) -> None:
        paused = False
        while True:
            for command in self.commands.read():
                kind = command["type"]
                if kind == "save":
                    self.save()
                elif kind in ("stop", "abort"):
                    self.ending = kind
                elif kind in ("pause", "resume") and paused != (kind == "pause"):
                    paused = kind == "pause"
                    self.run.emit(event("paused" if paused else "resumed", self.trainer.step))
            if not paused or self.ending:
                return
            self.status("paused")
            time.sleep(0.1)

    def save(self, evaluation: Event | None = None) -> None:
        """A checkpoint folder, written beside, flushed to disk, and renamed. A full disk is told and survived."""
        run, trainer = self.run, self.trainer
        folder = run.checkpoints / f"step_{trainer.step:06d}"
        beside = run.checkpoints / f"{folder.name}.part"
        try:
            if not folder.exists():
                shutil.rmtree(beside, ignore_errors=True)
                extra = {
                    "task": self.config.task, "q_continue": self.config.q_continue,
                    "training": {"preset": self.config.preset, "seed": self.config.seed, "step": trainer.step,
                                 "examples": trainer.step * self.config.batch_size, "seconds": round(trainer.seconds, 1)},
                }  # fmt: skip
                checkpoint.save(trainer.averaged_model(), beside, extra)
                torch.save(trainer.state_dict(), beside / "training_state.pt")
                for file in beside.iterdir():
                    with file.open("rb+") as stream:
                        os.fsync(stream.fileno())
                os.replace(beside, folder)
            run.point("last", folder)
            exact = (evaluation or {}).get("values", {}).get("exact_accuracy", -1.0)
            if evaluation is not None and (exact >= self.best or run.pointer("best") is None):
                self.best = exact
                run.point("best", folder)
            run.prune(self.config.keep_checkpoints)
            run.emit(event("saved", trainer.step, checkpoint=folder.name))
        except (OSError, RuntimeError, checkpoint.CheckpointError) as error:
            if isinstance(error, RuntimeError) and "write" not in str(error).lower():
                raise
            shutil.rmtree(beside, ignore_errors=True)
            message = f"{folder}: this checkpoint could not be written ({error}); the one before it is whole. Make room on the disk."
            print(message, flush=True)
            run.emit(event("warning", trainer.step, message=message))

    def status(self, state: str, now: bool = False) -> None:
        if not now and time.monotonic() - self.last_status < _STATUS_EVERY:
            return
        self.last_status = time.monotonic()
        trainer, done = self.trainer, self.trainer.step - self.begin_step
        rate = done / max(1e-9, self.last_status - self.begin) if done else None
        left = (self.config.steps - trainer.step) / rate if rate else None
        if left is not None and self.config.minutes:
            left = min(left, 60 * self.config.minutes - trainer.seconds)
        self.run.write_status(
            state=state, step=trainer.step, steps=self.config.steps, steps_per_second=rate and round(rate, 3),
            eta_seconds=None if left is None else round(max(0.0, left), 1), device=str(trainer.device),
        )  # fmt: skip


def describe(entry: Event) -> str:
    """One line of the log."""
    if entry["type"] == "evaluation":
        sets = ", ".join(f"{name} {s['exact']:.1%} whole, {s['cells']:.1%} of blanks" for name, s in entry["sets"].items())
        return f"step {entry['step']}: {sets} ({entry['seconds']:.0f} s)"
    values = " ".join(f"{k}={v:.4g}" for k, v in entry.get("values", {}).items() if v is not None)
    return f"step {entry['step']}: {values}"


def environment(trainer: Trainer) -> dict[str, Any]:
    """What decides whether a run can be repeated."""
    here = Path(__file__).parent
    git = shutil.which("git") and subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(), "torch": torch.__version__, "platform": platform.platform(), "device": str(trainer.device),
        "dtype": trainer.model.config.forward_dtype, "threads": torch.get_num_threads(), "seed": trainer.config.seed,
        "git": git.stdout.strip() if git and git.returncode == 0 else None,
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m trainer RUN_DIR", file=sys.stderr)
        return 2
    run = RunDir(arguments[0])
    try:
        run.claim()
        session = Session(run)
    except (ConfigError, RunError, OSError) as error:
        print(error, file=sys.stderr)
        return 2

    def end(number: int, frame: FrameType | None) -> None:
        session.ending = "stop"

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        session.go()
    except Exception as error:
        message = str(error)
        if isinstance(error, Diverged):
            message += "; its last checkpoint is whole. Lower the learning rate, or stop earlier."
        step = session.trainer.step if hasattr(session, "trainer") else 0
        run.emit(event("failed", step, message=message, error=type(error).__name__))
        run.write_status(state="failed", step=step, message=message)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
