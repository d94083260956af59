"""The trace library and its actions. Files are read and written in a thread of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.errors import HRMError
from hrm_model.files import atomic_write
from hrm_model.trace.data import Trace
from hrm_studio.models.trace_shelf import KeptTrace, Shelf
from hrm_studio.services.background import Background
from trainer.runs.run_dir import home

if TYPE_CHECKING:  # the window's start needs no HDF5
    from hrm_model.trace_file.io import Extras

T = TypeVar("T")

MEGABYTE = 1_000_000
_LIMIT_MB = 500


class TraceLibrary(QObject):
    """`traces`: the kept traces, newest first. Those kept automatically take at most `limit_mb`.

    Signals
    -------
    changed()       `traces` is replaced
    added(object)   a KeptTrace that a person added
    refused(str)    a sentence: what failed
    """

    changed = Signal()
    added = Signal(object)
    refused = Signal(str)

    def __init__(self, settings: QSettings, parent: QObject | None = None, folder: Path | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.shelf = Shelf(folder or home() / "traces")
        self._background = Background(self)
        self.traces: list[KeptTrace] = []
        self._faults: tuple[str, ...] = ()

    @property
    def limit_mb(self) -> int:
        """Megabytes for automatically kept traces; 0 keeps none."""
        stored = self._settings.value("traces_limit_mb", _LIMIT_MB)
        return int(stored) if str(stored).isdigit() else _LIMIT_MB

    def set_limit_mb(self, limit: int) -> None:
        self._settings.setValue("traces_limit_mb", limit)
        self._do(lambda: self.shelf.make_room(limit * MEGABYTE))

    @property
    def faults(self) -> list[str]:
        """A sentence for each file of the folder that is not a complete trace."""
        return list(self._faults)

    @property
    def automatic_bytes(self) -> int:
        return sum(kept.nbytes for kept in self.traces if kept.automatic)

    def find(self, text: str) -> list[KeptTrace]:
        """The traces whose text contains every word of a search."""
        words = text.lower().split()
        return [kept for kept in self.traces if all(_holds(kept.words, word) for word in words)]

    def refresh(self) -> None:
        """Read the folder again."""
        self._do(lambda: None)

    def keep_automatically(self, trace: Trace) -> None:
        """Keep a new recording automatically, as long as there is room."""
        limit = self.limit_mb * MEGABYTE
        if limit:
            self._do(lambda: (self.shelf.add(trace, automatic=True), self.shelf.make_room(limit)))

    def keep(self, trace: Trace, extras: Extras | None = None) -> None:
        """Keep a trace for good, its states in full."""
        self._do(lambda: self.shelf.add(trace, automatic=False, extras=extras), self.added.emit)

    def adopt(self, path: Path) -> None:
        """Add a copy of a trace file."""
        self._do(lambda: self.shelf.adopt(path), self.added.emit)

    def change(self, kept: KeptTrace, **fields: Any) -> None:
        """Change the title, the tags or the note, or keep it for good (`automatic=False`)."""
        self._do(lambda: self.shelf.change(kept, **fields))

    def delete(self, kept: list[KeptTrace]) -> None:
        """Delete traces; `undelete` restores them until the studio closes."""
        self._do(lambda: self.shelf.remove(kept))

    def undelete(self, kept: list[KeptTrace]) -> None:
        self._do(lambda: self.shelf.restore(kept))

    def join(self, kept: list[KeptTrace], path: Path, then: Callable[[Path], object] = lambda path: None) -> None:
        """Copy several traces into one file, with their titles."""
        from hrm_model.trace_file.merge import merge

        self._do(lambda: merge([each.path for each in kept], path, titles=[each.title for each in kept]), lambda _: then(path))

    def save_all(self, traces: Mapping[str, Trace], path: Path, then: Callable[[Path], object] = lambda path: None) -> None:
        """Write traces to one file, by title."""
        from hrm_model.trace_file.io import Extras, write

        self._do(lambda: write(path, list(traces.values()), extras=[Extras(title) for title in traces]), then)

    def save_copy(self, kept: KeptTrace, path: Path, then: Callable[[Path], object] = lambda path: None) -> None:
        """Copy a kept file to another place."""

        def work() -> None:
            with kept.path.open("rb") as source, atomic_write(path) as copy:
                shutil.copyfileobj(source, copy)

        self._do(work, lambda _: then(path))

    def save(
        self, trace: Trace, path: Path, states: str, then: Callable[[Path], object] = lambda path: None, extras: Extras | None = None
    ) -> None:
        """Write a trace to a file of its own."""
        from hrm_model.trace_file.io import write

        self._do(lambda: write(path, trace, states=states, extras=[extras] if extras else []), then)  # type: ignore[arg-type]

    def close(self) -> None:
        """The studio closes: finish what was begun, and empty the trash."""
        self._background.run(self.shelf.empty, lambda _: None)
        self._background.finish()

    def _do(self, work: Callable[[], T], then: Callable[[T], object] = lambda done: None) -> None:
        def tried() -> tuple[T | None, str, list[KeptTrace], tuple[str, ...]]:
            result, fault = None, ""
            try:
                result = work()
            except (HRMError, OSError, MemoryError) as error:
                fault = str(error) or type(error).__name__
            return result, fault, self.shelf.all(), tuple(sorted(self.shelf.faults.values()))

        def done(found: tuple[T | None, str, list[KeptTrace], tuple[str, ...]]) -> None:
            result, fault, traces, faults = found
            if (traces, faults) != (self.traces, self._faults):
                self.traces, self._faults = traces, faults
                self.changed.emit()
            if fault:
                self.refused.emit(fault)
            else:
                then(result)  # type: ignore[arg-type]

        self._background.run(tried, done)


def _holds(words: str, word: str) -> bool:
    """'solved' does not mean 'unsolved'."""
    return word in words.split() if word == "solved" else word in words
