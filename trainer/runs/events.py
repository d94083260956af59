"""What a run says and is told: one JSON object a line, versioned. Imports neither torch nor Qt."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

VERSION = 1

# started, metrics, evaluation, machine, saved, paused, resumed, warning, failed, finished
COMMANDS = ("pause", "resume", "save", "stop", "abort")

Event = dict[str, Any]


def event(kind: str, step: int, **fields: Any) -> Event:
    """A new event with the time of now (seconds since 1970)."""
    return {"v": VERSION, "type": kind, "time": round(time.time(), 3), "step": step, **fields}


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def append_line(file: Path, entry: dict[str, Any]) -> None:
    """Append one object in one write, so that lines of several writers do not mix.

    A line that a killed writer left unfinished is ended first; readers skip it.
    """
    line = (json.dumps(_plain(entry), ensure_ascii=False) + "\n").encode()
    with file.open("ab+") as stream:
        if stream.tell() and _last_byte(stream.fileno(), stream.tell()) != b"\n":
            line = b"\n" + line
        stream.write(line)


def _last_byte(descriptor: int, size: int) -> bytes:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


class LineReader:
    """Follows a growing file of JSON lines: `read()` gives what is new. An unfinished last line waits; broken lines are skipped and counted."""

    def __init__(self, file: Path, offset: int = 0) -> None:
        self.file, self.offset, self.broken = file, offset, 0

    def read(self) -> list[dict[str, Any]]:
        return self.parse(self.lines())

    def lines(self, most: int | None = None) -> list[bytes]:
        """The new whole lines as they stand, of about `most` bytes at most (None: all of them); blank ones are left out."""
        try:
            if self.file.stat().st_size <= self.offset:
                return []
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                content = stream.read(most if most is not None else -1)
                if most is not None and len(content) == most:
                    content += stream.readline()  # the line that the limit fell into
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        self.offset += whole
        return [line for line in content[:whole].split(b"\n") if line.strip()]

    def parse(self, lines: list[bytes]) -> list[dict[str, Any]]:
        """The entries of lines that `lines` gave."""
        entries = []
        for line in lines:
            try:
                entry = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError):
                self.broken += 1
                continue
            if isinstance(entry, dict) and entry.get("v") == VERSION and isinstance(entry.get("type"), str):
                entries.append(entry)
            else:
                self.broken += 1
        return entries


def describe(entry: Event) -> str:
    """One line for people."""
    head = f"step {entry.get('step', 0)}"
    if entry["type"] in ("warning", "failed"):
        return f"{head}: {entry.get('message', '')}"
    if entry["type"] == "evaluation":
        sets = ", ".join(f"{name} {s['exact']:.1%} whole, {s['cells']:.1%} of blanks" for name, s in entry["sets"].items())
        return f"{head}: {sets} ({entry['seconds']:.0f} s)"
    if entry["type"] in ("metrics", "machine"):
        return f"{head}: " + " ".join(f"{k}={v:.4g}" for k, v in entry.get("values", {}).items() if v is not None)
    more = entry.get("message") or entry.get("reason") or entry.get("checkpoint") or ""
    return f"{head}: {entry['type']}{f' {more}' if more else ''}"
