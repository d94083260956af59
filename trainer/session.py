"""One process's work on a run directory: between `Trainer`, which computes, and `RunDir`, which keeps."""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from hrm_model import checkpoint
from trainer.dataset import Batches, cached_pool, evaluation_sets
from trainer.events import Event, LineReader, event
from trainer.loop import Trainer
from trainer.run_dir import RunDir, RunError, write_json

_STATUS_EVERY = 1.0  # seconds


class Session:
    """Obeys commands, writes events, status and checkpoints."""

    def __init__(self, run: RunDir) -> None:
        self.run, self.config = run, run.config()
        # Commands for a trainer that is gone are not for this one.
        size = run.commands_file.stat().st_size if run.commands_file.exists() else 0
        self.commands = LineReader(run.commands_file, offset=size)
        self.ending: str | None = None  # 'stop' or 'abort'
        self.best = -1.0
        self.last_status = 0.0
        self.begin_seconds = 0.0
        self.begin_step = 0
        self._untold: list[Event] = []

    def go(self) -> None:
        run, config = self.run, self.config
        puzzles, solutions = cached_pool(config, run.path / "pool.npz")
        self.trainer = trainer = Trainer(config, Batches(config, puzzles, solutions), evaluation_sets(config))
        resumed = self.load_newest()
        for old in run.events().read():
            if old["type"] == "evaluation" and old["step"] <= trainer.step and old["values"]:
                self.best = max(self.best, old["values"]["exact_accuracy"])
        self.begin_step, self.begin_seconds = trainer.step, trainer.seconds
        write_json(run.path / "env.json", environment(trainer))
        # Events of steps after `step` come from a process that was killed; who follows the run drops them.
        self.tell(event("started", trainer.step, resumed=resumed, pid=os.getpid(), steps=config.steps))
        for events in trainer.train():
            for entry in events:
                self.tell(entry)
                say(describe(entry))
            judged = next((e for e in events if e["type"] == "evaluation"), None)
            if judged or trainer.step % config.checkpoint_every == 0:
                self.save(judged)
            self.obey()
            self.status("running")
            if self.ending:
                break
        if self.ending != "abort" and not self.saved_already():
            self.save()
        self.tell(event("finished", trainer.step, reason={"stop": "stopped", "abort": "aborted"}.get(self.ending or "", "done")))
        self.status("stopped" if self.ending else "finished", now=True)

    def load_newest(self) -> bool:
        """Go on from the last checkpoint; from one before it where that is damaged. Whether there was any.

        RunError where there are some and none can be read.
        """
        last = self.run.pointer("last")
        folders = dict.fromkeys([*([last] if last else []), *reversed(self.run.all_checkpoints())])
        for folder in folders:
            try:
                state = torch.load(folder / "training_state.pt", map_location=self.trainer.device, weights_only=True)
                self.trainer.load_state_dict(state)
            except Exception as error:  # damage shows itself in many ways
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                message = f"{folder}: this checkpoint cannot be read ({reason}); going on from the one before it."
                say(message)
                self.tell(event("warning", self.trainer.step, message=message))
                continue
            if folder != last:
                self.run.point("last", folder)
            # Later steps are computed again; a damaged folder of their name must not stand in the way.
            checkpoints = self.run.all_checkpoints()
            for later in checkpoints[checkpoints.index(folder) + 1 :]:
                shutil.rmtree(later, ignore_errors=True)
            return True
        if folders:
            raise RunError(f"{self.run.checkpoints}: no checkpoint here can be read. Delete this folder to begin the run anew.")
        return False

    def tell(self, entry: Event) -> None:
        """Append to the run's events. While the disk is full they wait here, and training goes on."""
        self._untold.append(entry)
        try:
            while self._untold:
                self.run.emit(self._untold[0])
                self._untold.pop(0)
        except OSError:
            pass

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
                    self.tell(event("paused" if paused else "resumed", self.trainer.step))
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
                write_state(trainer.state_dict(), beside / "training_state.pt")
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
            self.tell(event("saved", trainer.step, checkpoint=folder.name))
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            message = f"{folder}: this checkpoint could not be written ({error}); the one before it is whole. Make room on the disk."
            say(message)
            self.tell(event("warning", trainer.step, message=message))

    def status(self, state: str, now: bool = False) -> None:
        if not now and time.monotonic() - self.last_status < _STATUS_EVERY:
            return
        self.last_status = time.monotonic()
        trainer, done = self.trainer, self.trainer.step - self.begin_step
        rate = done / max(1e-9, trainer.seconds - self.begin_seconds) if done else None
        left = (self.config.steps - trainer.step) / rate if rate else None
        if left is not None and self.config.minutes:
            left = min(left, 60 * self.config.minutes - trainer.seconds)
        with suppress(OSError):  # a full disk
            self.run.write_status(
                state=state, step=trainer.step, steps=self.config.steps, steps_per_second=rate and round(rate, 3),
                eta_seconds=None if left is None else round(max(0.0, left), 1), device=str(trainer.device),
            )  # fmt: skip


def write_state(state: dict[str, Any], file: Path) -> None:
    """torch.save that fails with OSError on a full disk; by itself it tells of one in words of its own."""
    memory = io.BytesIO()
    torch.save(state, memory)
    file.write_bytes(memory.getbuffer())


def say(text: str) -> None:
    """A line of the log; nobody may be listening, and its disk may be full."""
    with suppress(OSError):
        print(text, flush=True)


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
