"""Reading trace files that may come from anywhere. Every name, type, size and number is checked before it is used.

Only hard links at fixed places are followed, so recursive groups, external links and soft links lead nowhere; datasets kept in
other files, unknown filters and sizes beyond a limit are refused before anything is read. HDF5's own library may still
crash on a damaged file: `hrm_model.trace_file.guard` lets a child process try first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import h5py

from hrm_model.errors import TraceFileError
from hrm_model.foreign import named
from hrm_model.formats import TRACE
from hrm_model.trace.data import Trace
from hrm_model.trace_file.entry import Entry, EntryInfo, StepArrays
from hrm_model.trace_file.extras import Extras
from hrm_model.trace_file.hdf5 import attribute, member, member_names

# What h5py raises on damaged files.
_H5PY_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, NotImplementedError)
_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # at byte 0, 512, 1024, 2048 …
MAX_BYTES = 4 << 30  # of one trace in memory, unless the caller allows more
_MAX_ENTRIES = 10_000


class TraceReader:
    """An open trace file. Use it as a context manager; `names` lists its traces.

    TraceFileError names the file and the fault. A file whose writer was killed is read up to its last whole segment.
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        self.path, self._max_bytes = Path(path), max_bytes
        self._file: h5py.File | None = None
        self._checked: tuple[str, Entry] | None = None  # the entry used last: checking it again for each step would be slow
        with self._named():
            self._check_signature()
            self._file = self._open()
            self._check_format()
            self.names = self._entry_names()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except TraceFileError as error:
            self.close()
            raise TraceFileError(f"{self.path}: {error}") from None
        except _H5PY_ERRORS as error:
            self.close()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TraceFileError(f"{self.path}: corrupt ({reason[:300]})") from error

    # The file --------------------------------------------------------------------------------------------------------

    def _check_signature(self) -> None:
        if not self.path.exists():
            raise TraceFileError("no such file")
        if not self.path.is_file():
            raise TraceFileError("not a file")
        try:
            with self.path.open("rb") as file:
                start = file.read(1024)
                found, at = start.startswith(_SIGNATURE), 512
                while not found and file.seek(at) == at and (there := file.read(len(_SIGNATURE))):
                    found, at = there == _SIGNATURE, 2 * at  # other programs put a block of their own before it
        except OSError as error:
            raise TraceFileError(f"cannot be read ({error.strerror})") from None
        if not found:
            raise TraceFileError("empty file" if not start else named(start, "a trace") or "not an HDF5 file")

    def _open(self) -> h5py.File:
        self.interrupted = False
        try:
            return h5py.File(self.path, "r", locking=False)
        except OSError as error:
            if "already open for write" not in str(error):
                raise
        # Its writer is still at work, or was killed: the file is complete up to its last whole segment.
        self.interrupted = True
        try:
            return h5py.File(self.path, "r", locking=False, swmr=True)
        except OSError as error:
            if "not already open for SWMR" not in str(error):
                raise
        raise TraceFileError(
            "another program has it open for writing, or ended without closing it. Close it there;"
            " if no program has it open, `h5clear --status` (of the HDF5 tools) frees it"
        )

    def _check_format(self) -> None:
        assert self._file is not None
        found = attribute(self._file, "format")
        if found != TRACE.name:
            raise TraceFileError(f"an HDF5 file, but not a trace: its root has no attribute format = {TRACE.name!r}")
        self.version = TRACE.check(attribute(self._file, "format_version"), "is", TraceFileError)

    def _entry_names(self) -> list[str]:
        assert self._file is not None
        found = []
        for name in member_names(self._file, _MAX_ENTRIES):
            group = member(self._file, name, h5py.Group, missing_ok=True)
            # Other programs add entries of their own: processing steps, notes, measurements.
            if group is not None and attribute(group, "NX_class") == "NXentry" and (b"steps" in group.id or b"puzzle" in group.id):
                found.append(name)
        if not found:
            raise TraceFileError(
                "contains no trace" + (": its writer was interrupted before the first segment" if self.interrupted else "")
            )
        return sorted(found, key=lambda name: (len(name), name))

    def close(self) -> None:
        file, self._file, self._checked = self._file, None, None
        if file is not None:
            with suppress(OSError, RuntimeError):  # nothing was changed, so nothing is lost
                file.close()

    def __enter__(self) -> TraceReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # One entry -------------------------------------------------------------------------------------------------------

    def _entry(self, name: str) -> Entry:
        if self._file is None:
            raise TraceFileError("the file is closed")
        if name not in self.names:
            raise TraceFileError(f"no trace {name!r}. It has: {', '.join(self.names[:20])}")
        if self._checked is None or self._checked[0] != name:
            self._checked = name, Entry(member(self._file, name, h5py.Group), self._max_bytes)
        return self._checked[1]

    def read(self, name: str = "trace") -> Trace:
        """A whole trace."""
        with self._named():
            return self._entry(name).trace(states=True)

    def extras(self, name: str = "trace") -> Extras:
        """Title, branch, records and attention of a trace."""
        with self._named():
            return self._entry(name).extras(self.version)

    def about(self, name: str = "trace") -> EntryInfo:
        """What is known of a trace without reading its states."""
        with self._named():
            return self._entry(name).about(name)

    def scan(self, name: str = "trace") -> EntryInfo:
        """The same after reading everything once, states too, piece by piece."""
        with self._named():
            entry = self._entry(name)
            entry.scan()
            entry.extras(self.version)
            return entry.about(name)

    def step(self, name: str, step: int) -> StepArrays:
        """One step of a trace, read alone."""
        with self._named():
            return self._entry(name).step(step)
