"""An opened trace file: which traces it holds, and the one that is shown. No Qt: it is read in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrm_model.trace.data import Trace

if TYPE_CHECKING:  # the window's start needs no HDF5
    from hrm_model.trace_file.io import EntryInfo, Extras


@dataclass(frozen=True)
class OpenedFile:
    path: Path
    written: int  # modification time in nanoseconds
    entries: tuple[EntryInfo, ...]
    at: int  # index of the trace that is shown
    trace: Trace
    extras: Extras

    @property
    def warning(self) -> str:
        """A message if the shown trace is incomplete, else ''."""
        if self.entries[self.at].complete:
            return ""
        whole = f"{self.trace.segments} complete segment{'' if self.trace.segments == 1 else 's'}"
        return f"{self.path.name} is incomplete: recording was interrupted after {whole}."


def open_file(path: Path, at: int = 0, before: OpenedFile | None = None) -> OpenedFile:
    """Read trace number `at`. If `before` is the same file, unchanged, the file is not checked again.

    TraceFileError and OSError name the file and the problem.
    """
    from hrm_model.trace_file.io import TraceReader, check

    if before is not None and before.path == path and before.written == path.stat().st_mtime_ns:
        entries = before.entries
    else:
        entries = tuple(check(path))
    with TraceReader(path) as reader:
        name = entries[at].name
        return OpenedFile(path, path.stat().st_mtime_ns, entries, at, reader.read(name), reader.extras(name))
