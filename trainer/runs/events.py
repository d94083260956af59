"""Events and commands of a run: one JSON object a line. docs/events-format.md describes them. Imports neither torch nor Qt.

`Event` is any of the typed dictionaries below, told apart by its `type`:

>>> entry = event("saved", 20, checkpoint="step_000020")
>>> entry["type"], entry["step"]
('saved', 20)
"""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar, cast, get_args, get_type_hints, overload

from hrm_model.formats import RUN

VERSION = RUN.version  # of events, commands and status

EventType = Literal["started", "metrics", "evaluation", "machine", "saved", "paused", "resumed", "warning", "failed", "finished"]
CommandType = Literal["pause", "resume", "save", "stop", "abort"]
COMMANDS: tuple[CommandType, ...] = get_args(CommandType)


class _Head(TypedDict):
    v: int
    time: float  # seconds since 1970
    step: int  # optimizer steps done


class Started(_Head):
    """A trainer began, or resumed after `step`; what a killed one wrote of later steps no longer counts."""

    type: Literal["started"]
    resumed: bool
    pid: int
    steps: int
    processes: int
    environment: dict[str, Any]  # versions, device, dtype, threads, seed, git
    device: str  # this and the rest: `trainer.fitting.MachineFit`
    micro_batch: int
    compile: bool
    why: str
    machine: str
    rows: int


class Metrics(_Head):
    """Means over the steps since the last metrics event, under the published trainer's names."""

    type: Literal["metrics"]
    values: dict[str, float | None]  # None: no example ended
    phase: int
    examples: int  # so far
    examples_per_second: float | None
    ended: int  # examples that ended
    seconds: float  # of computing, so far


class SetFigures(TypedDict):
    """Of one evaluation set."""

    puzzles: int
    exact: float  # share of puzzles solved
    low: float  # 95 % interval of `exact`
    high: float
    cells: float  # share of blank cells right
    mean_segments: float  # until halting
    exact_by_segment: list[float]
    q_halt_accuracy: float


class Evaluated(_Head):
    """The averaged model on every evaluation set."""

    type: Literal["evaluation"]
    values: dict[str, float]  # exact_accuracy, accuracy: means over the sets
    sets: dict[str, SetFigures]
    segments: int
    seconds: float  # of computing, so far
    probe: NotRequired[str]  # a trace file in the run directory


class MachineLoad(_Head):
    """How busy the machine is; what is unknown is left out."""

    type: Literal["machine"]
    values: dict[str, float]  # cpu, memory, gpu, gpu_memory: shares; process_memory, gpu_memory_bytes: bytes; power: watts


class Saved(_Head):
    type: Literal["saved"]
    checkpoint: str  # the folder's name


class Paused(_Head):
    type: Literal["paused"]


class Resumed(_Head):
    type: Literal["resumed"]


class Warned(_Head):
    type: Literal["warning"]
    code: str  # which warning
    message: str


class Failed(_Head):
    type: Literal["failed"]
    message: str
    error: str  # the exception's class


class Finished(_Head):
    type: Literal["finished"]
    reason: str  # done, stopped, aborted
    seconds: NotRequired[float]  # of computing; since 0.2
    message: NotRequired[str]  # why, if it ended early by itself


Event = Started | Metrics | Evaluated | MachineLoad | Saved | Paused | Resumed | Warned | Failed | Finished
FIELDS: dict[str, type] = {get_args(get_type_hints(kind)["type"])[0]: kind for kind in get_args(Event)}


class Command(TypedDict):
    """What a person asks of a running trainer."""

    v: int
    type: CommandType


@overload
def event(kind: Literal["metrics"], step: int, **fields: Any) -> Metrics: ...
@overload
def event(kind: Literal["evaluation"], step: int, **fields: Any) -> Evaluated: ...
@overload
def event(kind: Literal["warning"], step: int, **fields: Any) -> Warned: ...
@overload
def event(kind: EventType, step: int, **fields: Any) -> Event: ...
def event(kind: EventType, step: int, **fields: Any) -> Event:
    """A new event, at the present time. Its further fields are those of its type."""
    unknown = fields.keys() - FIELDS[kind].__annotations__.keys()
    assert not unknown, f"{kind} events have no field {unknown}"
    return cast(Event, {"v": VERSION, "type": kind, "time": round(time.time(), 3), "step": step, **fields})


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def append_line(file: Path, entry: Event | Command) -> None:
    """Append an entry in one write, so that lines of several writers do not mix.

    If a killed writer left a line unfinished, that line is ended first; readers skip it.
    """
    line = (json.dumps(_plain(entry), ensure_ascii=False) + "\n").encode()
    with file.open("ab+") as stream:
        if stream.tell() and _last_byte(stream.fileno(), stream.tell()) != b"\n":
            line = b"\n" + line
        stream.write(line)


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


Entry = TypeVar("Entry", Event, Command)


class LineReader(Generic[Entry]):
    """Follows a growing file of JSON lines: `read()` returns what is new. An unfinished last line waits.

    Damaged lines are skipped and counted: what is no JSON, of another version, or lacks what `sound` asks for.
    """

    def __init__(self, file: Path, offset: int = 0) -> None:
        self.file, self.offset, self.broken = file, offset, 0

    def read(self) -> list[Entry]:
        return self.parse(self.lines())

    def lines(self, most: int | None = None) -> list[bytes]:
        """The new whole lines, of about `most` bytes at most (None: all), without blank ones."""
        try:
            if self.file.stat().st_size <= self.offset:
                return []
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                content = stream.read(most if most is not None else -1)
                if most is not None and len(content) == most:
                    content += stream.readline()  # to the end of the line that the limit cut
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        self.offset += whole
        return [line for line in content[:whole].split(b"\n") if line.strip()]

    def parse(self, lines: list[bytes]) -> list[Entry]:
        """The entries in lines that `lines` returned."""
        entries = []
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                self.broken += 1
                continue
            if isinstance(entry, dict) and entry.get("v") == VERSION and sound(entry):
                entries.append(cast(Entry, entry))
            else:
                self.broken += 1
        return entries


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(number is None or _is_number(number) for number in value.values())


def _are_sets(value: Any) -> bool:
    """{} of an evaluation without sets, or the figures of each."""
    return isinstance(value, dict) and all(
        isinstance(figures, dict) and all(_is_number(figures.get(name)) for name in ("exact", "low", "high", "cells"))
        for figures in value.values()
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_NEEDED = {
    "metrics": {"values": _are_numbers}, "machine": {"values": _are_numbers}, "evaluation": {"values": _are_numbers, "sets": _are_sets},
    "warning": {"message": _is_text}, "failed": {"message": _is_text},
}  # fmt: skip
# If they are there: of events of any type, as one of another version may leave them out.
_OPTIONAL = {
    "time": _is_number,
    "seconds": _is_number,
    "ended": _is_number,
    "message": _is_text,
    "checkpoint": _is_text,
    "probe": _is_text,
    "reason": _is_text,
}


def sound(entry: dict[str, Any]) -> bool:
    """Whether an event or command has what its readers rely on: a type; an event also its step and the fields of its type."""
    kind, step = entry.get("type"), entry.get("step")
    if not isinstance(kind, str):
        return False
    if kind not in FIELDS or (step is None and kind in COMMANDS):
        return True
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < 1 << 53:
        return False
    if any(name in entry and not check(entry[name]) for name, check in _OPTIONAL.items()):
        return False
    return all(check(entry.get(name)) for name, check in _NEEDED.get(kind, {}).items())


def describe(entry: Event) -> str:
    """An event as one line for people."""
    head = f"step {entry.get('step', 0)}"
    if entry["type"] == "warning" or entry["type"] == "failed":
        return f"{head}: {entry.get('message', '')}"
    if entry["type"] == "evaluation":
        sets = ", ".join(f"{name} {s['exact']:.1%} solved, {s['cells']:.1%} of blanks right" for name, s in entry["sets"].items())
        seconds = entry.get("seconds")
        return f"{head}: {sets}" + (f" ({seconds:.0f} s)" if seconds is not None else "")
    if entry["type"] == "metrics" or entry["type"] == "machine":
        return f"{head}: " + " ".join(f"{k}={v:.4g}" for k, v in entry.get("values", {}).items() if v is not None)
    more: Any = entry.get("message") or entry.get("reason") or entry.get("checkpoint") or ""
    return f"{head}: {entry['type']}{f' {more}' if more else ''}"
