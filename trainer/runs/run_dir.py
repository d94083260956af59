"""The run directory, which holds everything about a run. docs/events-format.md describes its files. Imports neither torch nor Qt.

config.yaml, env.json      what was asked; versions, device and git commit of the last start (events.jsonl has those of every start)
events.jsonl               what happened, append-only;  commands.jsonl  what people asked of the trainer meanwhile
status.json                which process on which machine, state, step, time left; replaced atomically
checkpoints/step_001000/   model.safetensors, config.json, training_state.pt;  `last` and `best` hold a folder's name
probes/step_001000.h5      traces of a few evaluation puzzles
tensorboard/               its event files, if tensorboard: true asks for them
log.txt                    what the trainer printed;  .lock  held by the one trainer of this run as long as it lives
"""

from __future__ import annotations

import datetime
import errno
import json
import math
import os
import platform
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from hrm_model.errors import RunError, first_line
from hrm_model.files import atomic_write, forget_parts, write_json
from hrm_model.folders import home
from trainer.config import RunConfig, read_config, write_config
from trainer.runs import lock
from trainer.runs.events import COMMANDS, VERSION, CommandType, Event, LineReader, append_line

LIVE = ("starting", "running", "paused")  # states in which a trainer works on the run
UNKNOWN = "unknown"  # the state of a run on which another machine's trainer may be at work
_NUMBERS = ("pid", "step", "steps", "steps_per_second", "eta_seconds", "seconds", "started", "time", "last_step")  # of status.json

_ADJECTIVES = [
    "amber", "brisk", "calm", "clever", "cosy", "eager", "early", "fair", "gentle", "happy", "keen", "lively",
    "lucky", "mellow", "neat", "noble", "quick", "quiet", "rapid", "sunny", "swift", "tidy", "warm", "wise",
]  # fmt: skip
_ANIMALS = [
    "badger", "beaver", "crane", "deer", "falcon", "finch", "fox", "hare", "heron", "ibis", "lark", "lynx",
    "marten", "mole", "otter", "owl", "panda", "raven", "robin", "seal", "stork", "swan", "tern", "wren",
]  # fmt: skip


def new_run_path(preset: str, root: Path | None = None) -> Path:
    """A path that does not exist yet, such as runs/2026-11-23-sudoku-4x4-swift-otter."""
    root = root or home() / "runs"
    names = random.SystemRandom()
    while True:
        path = root / f"{datetime.date.today()}-{preset}-{names.choice(_ADJECTIVES)}-{names.choice(_ANIMALS)}"
        if not path.exists():
            return path


class RunDir:
    """One run directory, for its trainer and for everything that follows the run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.events_file = self.path / "events.jsonl"
        self.commands_file = self.path / "commands.jsonl"
        self.status_file = self.path / "status.json"
        self.lock_file = self.path / ".lock"
        self.commands_from: int | None = None  # once claimed: bytes of commands.jsonl that were meant for earlier trainers
        self.checkpoints = self.path / "checkpoints"
        self.probes = self.path / "probes"

    @classmethod
    def create(cls, path: str | Path, config: RunConfig) -> RunDir:
        """A new run directory. RunError if the folder already holds a run."""
        run = cls(path)
        if run.config_file.exists():
            raise RunError(f"{run.path} already holds a run. Start it without a preset to resume it, or name another folder.")
        run.path.mkdir(parents=True, exist_ok=True)
        write_config(config, run.config_file)
        return run

    def config(self) -> RunConfig:
        """What was asked. ConfigError if config.yaml cannot be read."""
        return read_config(self.config_file)

    def events(self) -> LineReader[Event]:
        """A reader of the events, from the first on."""
        return LineReader(self.events_file)

    def emit(self, entry: Event) -> None:
        """Append an event."""
        append_line(self.events_file, entry)

    def command(self, kind: str) -> None:
        """Ask the trainer to pause, resume, save, stop (with a checkpoint) or abort (without one)."""
        if kind not in COMMANDS:
            raise RunError(f"there is no command {kind!r}; the commands are {', '.join(COMMANDS)}")
        append_line(self.commands_file, {"v": VERSION, "type": cast(CommandType, kind)})

    def commands_size(self) -> int:
        """Bytes of the commands so far."""
        return self.commands_file.stat().st_size if self.commands_file.exists() else 0

    def written_status(self) -> dict[str, Any]:
        """status.json as it stands; {} before the first start. RunError if it is damaged."""
        try:
            status = json.loads(self.status_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            raise RunError(f"{self.status_file}: damaged ({first_line(error)})") from None
        if not isinstance(status, dict):
            raise RunError(f"{self.status_file}: expected an object, found {type(status).__name__}")
        for name in _NUMBERS:
            if not _is_number(status.get(name)):
                raise RunError(f"{self.status_file}: {name} is {str(status[name])[:100]!r}, which is not a number")
        return status

    def status(self) -> dict[str, Any]:
        """pid, state, step, steps, eta_seconds …; {} before the first start. RunError if status.json is damaged, OSError if it cannot be read.

        The state is 'killed' if the trainer vanished. It is 'unknown', and `message` says why, if the trainer ran on another machine whose
        locks cannot be seen from here.
        """
        status = self.written_status()
        if status.get("state") not in LIVE:
            return status
        lives = lock.alive(self.lock_file, status)
        if lives is None:
            status |= {"state": UNKNOWN, "message": self._why_unknown(status)}
        elif not lives:
            status["state"] = "killed"
        return status

    def _why_unknown(self, status: dict[str, Any]) -> str:
        process = status.get("process")
        host = process.get("host") if isinstance(process, dict) else None
        where = f"on {host}" if host and host != platform.node() else "on another machine or in another container"
        sign = f", last sign of life {datetime.datetime.fromtimestamp(status['time']):%Y-%m-%d %H:%M:%S}" if status.get("time") else ""
        return (
            f"A trainer {where} was at work here (process {status.get('pid', 'unknown')}{sign}); whether it still is cannot be seen from this "
            f"machine. If it has ended: hrm-studio runs ended {self.path.name}"
        )

    def write_status(self, **fields: Any) -> None:
        who = {"pid": os.getpid(), "started": lock.started(), "process": lock.this_process()}
        content = {"v": VERSION, "time": round(time.time(), 3), **who, **fields}
        try:
            write_json(self.status_file, content, sync=False)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._overwrite_status(content)

    def _overwrite_status(self, content: dict[str, Any]) -> None:
        """On a full disk, which has no room for a second file: write into the bytes that the first one has. OSError if they are too few."""
        with self.status_file.open("r+b", buffering=0) as stream:
            room = os.fstat(stream.fileno()).st_size
            text = json.dumps(content)
            if len(text) > room and "message" in content:  # the log has it, too
                text = json.dumps({name: value for name, value in content.items() if name != "message"})
            if len(text) > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.status_file))
            stream.write(text.ljust(room).encode())  # in one write, so that no reader sees half of it

    def claim(self) -> None:
        """Reserve the run for this process until it ends. RunError if another trainer has it or may have it, or if there is no run."""
        self.config()
        try:
            before = self.status()
        except RunError:
            before = {}  # what is damaged is written anew
        if before.get("state") == UNKNOWN:
            raise RunError(f"{self.path}: {before['message']}")
        if before.get("state") not in LIVE:
            try:
                self._lock = lock.take(self.lock_file)
            except RunError:  # another trainer was faster
                with suppress(RunError):
                    before = self.status()
                before["state"] = "running"
        if before.get("state") in LIVE:
            raise RunError(
                f"{self.path}: process {before.get('pid', 'unknown')} is already training this run. Follow it, or stop it first."
            )
        forget_parts(self.path)
        forget_parts(self.checkpoints)
        # From here on commands are for this trainer.
        self.commands_from = self.commands_size()
        self.write_status(state="starting", step=before.get("step", 0))

    def declare_ended(self) -> None:
        """Note that the trainer of another machine has ended, which cannot be seen from here. RunError if one is seen to be at work."""
        status = self.written_status()
        if status.get("state") not in LIVE:
            return
        if lock.alive(self.lock_file, status):
            raise RunError(f"{self.path.name} is being trained by process {status.get('pid', 'unknown')}; stop it first")
        write_json(self.status_file, {**status, "state": "killed"})

    # Checkpoints -----------------------------------------------------------------------------------------------------

    def pointer(self, name: str) -> Path | None:
        """The checkpoint folder that 'last' or 'best' names; None if there is none."""
        try:
            folder = self.checkpoints / (self.checkpoints / name).read_text(encoding="utf-8").strip()
            return folder if folder.is_dir() and folder.parent == self.checkpoints else None
        except (OSError, ValueError):  # missing, not for our eyes, or not text
            return None

    def point(self, name: str, folder: Path) -> None:
        with atomic_write(self.checkpoints / name, "w") as stream:
            stream.write(folder.name + "\n")

    def all_checkpoints(self) -> list[Path]:
        """Whole checkpoint folders, oldest first."""
        found = [p for p in self.checkpoints.glob("step_*") if p.is_dir() and p.name.removeprefix("step_").isdigit()]
        return sorted(found, key=lambda p: int(p.name.removeprefix("step_")))

    def prune(self, keep: int, every: int) -> None:
        """Delete all checkpoints but those of `kept_checkpoints`, the last and the best; unfinished ones too."""
        names = kept_checkpoints([folder.name for folder in self.all_checkpoints()], keep, every)
        kept = {*(self.checkpoints / name for name in names), self.pointer("last"), self.pointer("best")}
        for folder in self.checkpoints.glob("step_*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _is_number(value: Any) -> bool:
    """Whether a value is None or a number that a float can hold: Python reads whole numbers of hundreds of digits."""
    try:
        return value is None or (isinstance(value, int | float) and math.isfinite(value))
    except OverflowError:
        return False


def kept_checkpoints(names: list[str], keep: int, every: int) -> set[str]:
    """Of checkpoint names, oldest first: the newest `keep`, and those at the 1st, 2nd, 4th, 8th … multiple of `every` steps.

    So a long run keeps many early checkpoints and few later ones: one more each time its length doubles.
    """
    kept = set(names[-keep:])
    for name in names:
        step = int(name.removeprefix("step_"))
        times = step // every
        if step % every == 0 and times & (times - 1) == 0:
            kept.add(name)
    return kept


def most_checkpoints(config: RunConfig) -> int:
    """The most checkpoints that a run ever has on disk, the best and the unfinished one included."""
    return config.keep_checkpoints + 2 + int(math.log2(max(1, config.steps // config.checkpoint_every)))
