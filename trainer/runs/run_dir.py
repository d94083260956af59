"""The run directory, which holds everything about a run. docs/events-format.md describes its files. Imports neither torch nor Qt.

config.yaml, env.json      what was asked; versions, device and git commit of the last start (events.jsonl has those of every start)
events.jsonl               what happened, append-only;  commands.jsonl  what people asked of the trainer meanwhile
status.json                pid, state, step, time left; replaced atomically
checkpoints/step_001000/   model.safetensors, config.json, training_state.pt;  `last` and `best` hold a folder's name
probes/step_001000.h5      traces of a few evaluation puzzles
tensorboard/               its event files, if tensorboard: true asks for them
log.txt                    what the trainer printed;  .lock  held by the one trainer of this run
"""

from __future__ import annotations

import datetime
import json
import math
import random
import shutil
from pathlib import Path
from typing import Any, cast

import psutil
from filelock import FileLock, Timeout

from hrm_model.errors import RunError
from hrm_model.files import atomic_write, forget_parts, write_json
from hrm_model.folders import home
from trainer.config import RunConfig, read_config, write_config
from trainer.runs.events import COMMANDS, VERSION, CommandType, Event, LineReader, append_line

LIVE = ("starting", "running", "paused")  # states in which a trainer works on the run

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

    def status(self) -> dict[str, Any]:
        """pid, state, step, steps, eta_seconds …; {} before the first start. The state is 'killed' if the trainer vanished."""
        try:
            status: dict[str, Any] = json.loads(self.status_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        if status.get("state") in LIVE and not self._alive(status):
            status["state"] = "killed"
        return status

    def write_status(self, **fields: Any) -> None:
        me = psutil.Process()
        write_json(self.status_file, {"v": VERSION, "pid": me.pid, "started": me.create_time(), **fields}, sync=False)

    @staticmethod
    def _alive(status: dict[str, Any]) -> bool:
        # The pid may belong to another process by now, which then began at another time.
        try:
            return abs(psutil.Process(status["pid"]).create_time() - status["started"]) < 1 and (
                psutil.Process(status["pid"]).status() != psutil.STATUS_ZOMBIE
            )
        except (psutil.Error, KeyError):
            return False

    def claim(self) -> None:
        """Reserve the run for this process until it ends. RunError if another trainer has it, or if there is no run."""
        self.config()
        self._lock = FileLock(self.path / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            pid = self.status().get("pid", "unknown")
            raise RunError(f"{self.path}: process {pid} is already training this run. Follow it, or stop it first.") from None
        forget_parts(self.path)
        forget_parts(self.checkpoints)
        self.write_status(state="starting", step=self.status().get("step", 0))

    # Checkpoints -----------------------------------------------------------------------------------------------------

    def pointer(self, name: str) -> Path | None:
        """The checkpoint folder that 'last' or 'best' names; None if there is none."""
        try:
            folder = self.checkpoints / (self.checkpoints / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return folder if folder.is_dir() and folder != self.checkpoints else None

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
