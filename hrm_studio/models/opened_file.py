"""A trace file that was opened: which traces it holds, and the one of them that is shown. No Qt; for a thread."""

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
    written: int  # when, in nanoseconds
    entries: tuple[EntryInfo, ...]
    at: int  # the place of the one that is shown
    trace: Trace
    extras: Extras

    @property
    def warning(self) -> str:
        """A sentence where the shown trace is not whole; '' where it is."""
        if self.entries[self.at].complete:
            return ""
        return f"{self.path.name}: its writer was interrupted; the {self.trace.segments} whole segments that it left are shown."


def open_file(path: Path, at: int = 0, before: OpenedFile | None = None) -> OpenedFile:
    """Read the trace at that place. A file is checked once: not again where `before` is the same one, unchanged.

    TraceFileError and OSError name the file and the fault.
    """
    from hrm_model.trace_file.io import TraceReader, check

    if before is not None and before.path == path and before.written == path.stat().st_mtime_ns:
        entries = before.entries
    else:
        entries = tuple(check(path))
    with TraceReader(path) as reader:
        name = entries[at].name
        return OpenedFile(path, path.stat().st_mtime_ns, entries, at, reader.read(name), reader.extras(name))
