"""One run as a list of runs shows it. Reading it takes little, however many events the run has."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hrm_model.errors import ConfigError, RunError
from trainer.config import RunConfig
from trainer.runs.run_dir import LIVE, UNKNOWN, RunDir

_FREQUENT = (b'"metrics"', b'"machine"')  # kinds of events
_LOG_END = 20_000  # bytes at the end of log.txt that are searched for an explanation


@dataclass(frozen=True)
class RunSummary:
    """Shares are 0 to 1, times in seconds."""

    path: Path
    preset: str = ""
    task: str = ""
    # new, starting, running, paused, stopped, finished, failed, diverged (a failure that resuming would repeat), killed, unreadable,
    # unknown (another machine's trainer may be at work)
    state: str = "new"
    step: int = 0
    steps: int = 0
    best: float | None = None  # best share of unseen puzzles solved
    best_step: int = 0
    seconds: float = 0.0  # computing time
    last_step: int = 0  # where it will end: `steps`, or fewer if its time limit comes first
    evaluating: tuple[int, int] | None = None  # puzzles of the evaluation that goes on: done, and all
    eta_seconds: float | None = None
    steps_per_second: float | None = None
    device: str = ""
    created: float = 0.0  # seconds since 1970
    size: int = 0  # bytes
    message: str = ""  # why it ended, if that needs an explanation
    model: Path | None = None  # the best checkpoint's folder, else the last

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def live(self) -> bool:
        """Whether a trainer is at work."""
        return self.state in LIVE

    @property
    def progress(self) -> float:
        """Share that is done of the steps it will take."""
        last = self.last_step if self.live and self.last_step else self.steps
        return min(1.0, self.step / last) if last else 0.0


def _pair(value: object) -> tuple[int, int] | None:
    whole = isinstance(value, list) and len(value) == 2 and all(isinstance(number, int) for number in value)
    return (value[0], value[1]) if whole else None  # type: ignore[index]


class SummaryReader:
    """Keeps one run's summary up to date and reads only what is new. For one thread."""

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path)
        self.config: RunConfig | None = None
        self.summary = RunSummary(path)
        self._reader = self.run.events()
        self._size_read = -1e9
        self._best: dict[int, float] = {}
        self._failure = self._error = ""
        self._unreadable = False  # at the last update, so that no events were read
        self._ended = ""

    def update(self, now: float, most_bytes: int = 1 << 20) -> RunSummary:
        """The summary at `now` (monotonic seconds), after reading at most so many bytes of new events."""
        more, self._unreadable = False, False
        try:
            if self.config is None:
                self.config = self.run.config()
            more = self._read(most_bytes)
            status: Mapping[str, Any] = self.run.status()
        except (ConfigError, RunError, OSError) as error:
            if self.config is None or isinstance(error, OSError):
                self.summary = replace(self.summary, state="unreadable", message=str(error))
                self._unreadable = True
                return self.summary
            status = {"state": "unreadable", "message": str(error)}
        state = str(status.get("state") or self._state_from_events)
        if state == "failed" and self._error == "Diverged":
            state = "diverged"
        best_step, best = max(self._best.items(), key=lambda pair: pair[1], default=(0, None))
        size = self.summary.size
        if now - self._size_read > (5.0 if state in LIVE else 60.0) or state != self.summary.state:
            self._size_read, size = now, folder_size(self.run.path)
        changed = state != self.summary.state
        self.summary = RunSummary(
            path=self.run.path, preset=self.config.preset, task=self.config.task, state=state,
            step=int(status.get("step") or self._step), steps=self.config.steps, best=best, best_step=best_step,
            last_step=int(status.get("last_step") or 0), evaluating=_pair(status.get("evaluating")) if state in LIVE else None,
            seconds=max(self._seconds, float(status.get("seconds") or 0.0)),
            eta_seconds=status.get("eta_seconds") if state in LIVE else None, steps_per_second=status.get("steps_per_second"),
            device=str(status.get("device") or ""), created=self._created(), size=size,
            message=self._explain(state, status) if changed or more or state in LIVE else self.summary.message,
            model=self.run.pointer("best") or self.run.pointer("last"),
        )  # fmt: skip
        return self.summary

    @property
    def behind(self) -> bool:
        """Whether there are events left to read, and they can be read."""
        try:
            return not self._unreadable and self.run.events_file.stat().st_size > self._reader.offset + 4096
        except OSError:
            return False

    @property
    def _state_from_events(self) -> str:
        """For a run without status.json, such as a copied one."""
        if not self._step:
            return "new"
        return "failed" if self._failure else "finished" if self._ended == "done" else "stopped"

    _seconds = 0.0
    _step = 0

    def _read(self, most_bytes: int) -> bool:
        lines = self._reader.lines(most_bytes)
        # Most lines are metrics or the machine's load, and only the newest of them matter here.
        chosen, seen = [], set[bytes]()
        for line in reversed(lines):
            kind = next((kind for kind in _FREQUENT if kind in line[:64]), None)
            if kind is None or kind not in seen:
                chosen.append(line)
                seen.add(kind or b"")
        for entry in self._reader.parse(chosen[::-1]):
            step = self._step = entry.get("step", 0)
            seconds = entry.get("seconds")
            if isinstance(seconds, int | float):
                self._seconds = float(seconds)
            if entry["type"] == "started":
                self._best = {s: best for s, best in self._best.items() if s <= step}
                self._failure = self._error = self._ended = ""
            elif entry["type"] == "evaluation":
                exact = (entry.get("values") or {}).get("exact_accuracy")
                if isinstance(exact, int | float):
                    self._best[step] = float(exact)
            elif entry["type"] == "failed":
                self._error = str(entry.get("error") or "")
                self._failure = str(entry.get("message") or self._error)
            elif entry["type"] == "finished":
                self._ended = str(entry.get("message") or entry.get("reason") or "")
        return bool(lines)

    def _created(self) -> float:
        if self.summary.created:
            return self.summary.created
        try:
            return self.run.config_file.stat().st_mtime
        except OSError:
            return 0.0

    def _explain(self, state: str, status: Mapping[str, Any]) -> str:
        if state in ("failed", "diverged"):
            return self._failure or str(status.get("message") or "") or last_log_line(self.run.path)
        if state == "killed":
            words = last_log_line(self.run.path)
            said = f" Last log line: {words}" if words else ""
            return (
                f"The trainer exited unexpectedly at about step {status.get('step', 0):,}.{said} Resume continues from the last checkpoint."
            )
        if state in (*LIVE, UNKNOWN, "unreadable"):
            return str(status.get("message") or "")
        if state == "new":
            return ""
        return {"done": "", "stopped": "", "aborted": "Steps after the last checkpoint were discarded."}.get(self._ended, self._ended)


def last_log_line(path: Path, *, of_many: bool = False) -> str:
    """The line of a run's log.txt that best explains why its trainer died; '' if there is none.

    `of_many`: another trainer still writes to the log, so the line need not be the last.
    """
    try:
        with (path / "log.txt").open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LOG_END))
            lines = stream.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    lines = [line.strip() for line in lines if line.strip()]
    # A traceback's last line names the error; the trainer's own lines begin with 'step'.
    words = [line for line in lines if not line.startswith("step ")] if of_many else lines
    return words[-1] if words and not words[-1].startswith("step ") else ""


def folder_size(path: Path) -> int:
    """Bytes of all files in a folder. Files may vanish meanwhile."""
    total, folders = 0, [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def environment(path: Path) -> dict[str, Any]:
    """env.json of a run; {} if it is missing or damaged."""
    try:
        found = json.loads((path / "env.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
