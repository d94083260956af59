"""Read and write trace files: the module to import. Neither torch nor Qt is needed. `docs/trace-format.md` describes the format.

trace = read("t.h5")                       # the first trace of a file; NumPy arrays
write("t.h5", trace, states="float16")
with TraceWriter("t.h5") as writer:        # as it is computed
    writer.begin(puzzle, model)
    for step in reason(…):
        writer.add(step)
"""

from __future__ import annotations

import os

from hrm_model.errors import TraceFileError
from hrm_model.trace.data import Trace
from hrm_model.trace_file.entry import EntryInfo
from hrm_model.trace_file.extras import Extras, Record
from hrm_model.trace_file.guard import scan
from hrm_model.trace_file.layout import STATES, States
from hrm_model.trace_file.reader import MAX_BYTES, TraceReader
from hrm_model.trace_file.writer import TraceWriter, size_estimate, write

__all__ = [
    "MAX_BYTES", "STATES", "EntryInfo", "Extras", "Record", "States", "TraceFileError", "TraceReader", "TraceWriter",
    "check", "info", "read", "read_all", "size_estimate", "write",
]  # fmt: skip


def read(path: str | os.PathLike[str], name: str | int = 0, *, guard: bool = True, max_bytes: int = MAX_BYTES) -> Trace:
    """One trace of a file, by its place or its name, all of it in memory.

    `guard`: a child process reads the file first (about a third of a second), so that a malicious file cannot
    crash the caller. TraceFileError names the file and the fault.
    """
    if guard:
        scan(path, max_bytes=max_bytes)
    with TraceReader(path, max_bytes=max_bytes) as reader:
        if isinstance(name, int):
            if not -len(reader.names) <= name < len(reader.names):
                raise TraceFileError(f"{path}: has {len(reader.names)} traces; there is no trace number {name}")
            name = reader.names[name]
        return reader.read(name)


def read_all(path: str | os.PathLike[str], *, guard: bool = True, max_bytes: int = MAX_BYTES) -> list[Trace]:
    """Every trace of a file, in its order."""
    if guard:
        scan(path, max_bytes=max_bytes)
    with TraceReader(path, max_bytes=max_bytes) as reader:
        return [reader.read(name) for name in reader.names]


def info(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> list[EntryInfo]:
    """What a file contains, without reading states."""
    with TraceReader(path, max_bytes=max_bytes) as reader:
        return [reader.about(name) for name in reader.names]


def check(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> list[EntryInfo]:
    """Read everything once, in a child process with limits on memory and time. TraceFileError names the fault."""
    return scan(path, max_bytes=max_bytes)
