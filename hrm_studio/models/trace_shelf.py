"""The folder of the trace library: trace files, each with a small JSON file beside it for the list. No Qt; for a thread."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrm_model.analysis.core import blanks, solved_step, task_of
from hrm_model.errors import HRMError
from hrm_model.files import atomic_path, write_json
from hrm_model.tasks.base import short_name
from hrm_model.trace.data import Trace

if TYPE_CHECKING:  # the window's start needs no HDF5
    from hrm_model.trace_file.io import Extras

_FIELDS_CHANGED = ("title", "tags", "note", "automatic")


@dataclass(frozen=True)
class KeptTrace:
    """One trace of the library."""

    path: Path
    title: str
    task: str
    model: str
    segments: int
    steps: int
    solved: bool | None  # None if no solution is known
    solved_in: int  # the segment, counted from 1; 0 if it was not solved
    states: str
    nbytes: int  # of the file
    created: float  # seconds since 1970
    automatic: bool = True  # kept automatically, and deleted when room runs out
    tags: tuple[str, ...] = ()
    note: str = ""
    given: tuple[int, ...] = ()  # tokens
    answer: tuple[int, ...] = ()  # the last one
    solution: tuple[int, ...] = ()
    others: int = 0  # further traces in the file

    @property
    def words(self) -> str:
        """The text that a search looks in."""
        outcome = {True: "solved", False: "unsolved", None: ""}[self.solved]
        return f"{self.title} {self.task} {self.model} {outcome} {self.states} {' '.join(self.tags)} {self.note}".lower()


class Shelf:
    """Reads and changes the folder. OSError and HRMError say what failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trash = folder / "trash"
        self._seen: dict[Path, tuple[float, KeptTrace | str]] = {}  # files without a JSON file: time of change, what is known
        self.faults: dict[Path, str] = {}  # files that `all` could not read, with a sentence each

    def all(self) -> list[KeptTrace]:
        """All traces, newest first. A trace file that someone put there is added; a damaged one is named in `faults`."""
        found, faults = [], {}
        for path in self.folder.glob("*.h5"):
            kept = self._read(path) or self._look(path)
            if isinstance(kept, KeptTrace):
                found.append(kept)
            else:
                faults[path] = kept
        self.faults = faults
        return sorted(found, key=lambda kept: -kept.created)

    def _look(self, path: Path) -> KeptTrace | str:
        """Describe a file without a JSON file, or say what is wrong with it. Reads it once, until it changes."""
        try:
            written = path.stat().st_mtime
        except OSError as error:  # a link to nowhere, or just deleted
            return f"{path}: cannot be read ({error.strerror or error})"
        if path not in self._seen or self._seen[path][0] != written:
            try:
                known: KeptTrace | str = self._describe_file(path)
            except (HRMError, OSError) as error:
                known = str(error)
            self._seen[path] = written, known
        return self._seen[path][1]

    def add(self, trace: Trace, *, automatic: bool, extras: Extras | None = None) -> KeptTrace:
        """Keep a trace; automatically kept ones with states in float16. The same trace is kept once."""
        from hrm_model.trace_file.io import write

        name = f"{short_name(trace.puzzle.task)}-{_digest(trace)}"
        path = self.folder / f"{name}.h5"
        before = self._read(path)
        more = extras is not None and extras.nbytes() > 0
        if before is not None and (automatic or before.states != "float16" and not more):
            return self._write(replace(before, created=time.time(), automatic=before.automatic and automatic))
        self.folder.mkdir(parents=True, exist_ok=True)
        write(path, trace, states="float16" if automatic and trace.has_states else "full", extras=[extras] if extras else [])
        made = replace(describe(trace, path), automatic=automatic)
        if automatic and made.states == "full":
            made = replace(made, states="float16")
        return self._write(made if before is None else replace(made, title=before.title, tags=before.tags, note=before.note))

    def adopt(self, file: Path) -> KeptTrace:
        """Copy a trace file from elsewhere. HRMError if it is not a trace."""
        from hrm_model.trace_file.io import check

        check(file)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = _free(self.folder / file.name)
        with atomic_path(path) as part:
            shutil.copyfile(file, part)
        return self._describe_file(path)

    def change(self, kept: KeptTrace, **fields: Any) -> KeptTrace:
        """Change the title, the tags or the note. A trace that a person describes is kept for good."""
        assert set(fields) <= set(_FIELDS_CHANGED)
        return self._write(replace(kept, **{"automatic": False} | fields))

    def remove(self, kept: Sequence[KeptTrace]) -> None:
        """Move traces to the trash; `restore` brings them back until `empty`."""
        self.trash.mkdir(parents=True, exist_ok=True)
        for path in _files(kept):
            if path.exists():
                os.replace(path, self.trash / path.name)

    def restore(self, kept: Sequence[KeptTrace]) -> None:
        for path in _files(kept):
            if (self.trash / path.name).exists():
                os.replace(self.trash / path.name, path)

    def empty(self) -> None:
        """Empty the trash."""
        shutil.rmtree(self.trash, ignore_errors=True)

    def make_room(self, limit: int) -> list[KeptTrace]:
        """Delete the oldest automatically kept traces until they take at most `limit` bytes. Returns the deleted ones."""
        automatic = [kept for kept in self.all() if kept.automatic]
        gone = []
        for k, kept in enumerate(automatic):
            if sum(each.nbytes for each in automatic[: k + 1]) > limit:
                kept.path.unlink(missing_ok=True)
                _beside(kept.path).unlink(missing_ok=True)
                gone.append(kept)
        return gone

    # Beside each file ------------------------------------------------------------------------------------------------

    def _read(self, path: Path) -> KeptTrace | None:
        try:
            fields = json.loads(_beside(path).read_text(encoding="utf-8"))
            for name in ("tags", "given", "answer", "solution"):
                fields[name] = tuple(fields[name])
            return KeptTrace(path=path, **fields | {"nbytes": path.stat().st_size})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _write(self, kept: KeptTrace) -> KeptTrace:
        fields = {name: value for name, value in asdict(kept).items() if name != "path"}
        write_json(_beside(kept.path), fields, indent=None)
        return kept

    def _describe_file(self, path: Path) -> KeptTrace:
        from hrm_model.trace_file.io import TraceReader, check

        entries = check(path)
        with TraceReader(path) as reader:
            trace = reader.read(entries[0].name)
        made = replace(
            describe(trace, path), title=entries[0].title, states=entries[0].states, automatic=False, others=len(entries) - 1,
            created=path.stat().st_mtime,
        )  # fmt: skip
        with suppress(OSError):  # a folder that cannot be written can still be shown
            self._write(made)
        return made


def describe(trace: Trace, path: Path) -> KeptTrace:
    """What the library shows about a trace at `path`."""
    states = "none" if trace.z_L is None else "pooled" if trace.pooled else str(trace.z_L.dtype).replace("float32", "full")
    solution = trace.puzzle.solution
    solved = None if solution is None else solved_step(trace)
    return KeptTrace(
        path, title_of(trace), trace.puzzle.task, trace.model.name, trace.segments, len(trace), None if solution is None else solved is not None,
        0 if solved is None else int(trace.segment[solved]) + 1, states, path.stat().st_size, time.time(), given=_numbers(trace.puzzle.given),
        answer=_numbers(trace.prediction[-1]), solution=() if solution is None else _numbers(solution),
    )  # fmt: skip


def title_of(trace: Trace) -> str:
    """'Sudoku 9×9, 27 clues', 'Maze 11×11'; the task's own name if it is unknown."""
    name, _, sides = trace.puzzle.task.partition("-")
    task = task_of(trace)
    if task is None or not sides:
        return trace.puzzle.task
    clues = f", {int((~blanks(trace)).sum())} clues" if name == "sudoku" else ""
    return f"{name.capitalize()} {sides.replace('x', '×')}{clues}"


def _numbers(tokens: Any) -> tuple[int, ...]:
    return tuple(int(t) for t in np.asarray(tokens))


def _digest(trace: Trace) -> str:
    """Equal for equal answers of the same model to the same puzzle."""
    digest = hashlib.sha256(f"{trace.model.name}\0{trace.model.sha256}\0{len(trace)}\0{trace.has_states}".encode())
    for array in (trace.puzzle.given, trace.prediction, trace.q_halt):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:10]


def _files(kept: Sequence[KeptTrace]) -> list[Path]:
    return [path for each in kept for path in (each.path, _beside(each.path))]


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _free(path: Path) -> Path:
    number = 2
    found = path.with_suffix(".h5")
    while found.exists() or _beside(found).exists():
        found = path.with_name(f"{path.stem}-{number}.h5")
        number += 1
    return found
