"""One thread that follows the runs folder: its runs, their summaries, and the events of the runs that are open.

It reads in bounded pieces, so that a long history arrives in parts and a short one at once; the GUI thread only takes arrays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from hrm_studio.crash import report
from trainer.runs.events import LineReader
from trainer.runs.log import parse_events
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import SummaryReader, is_run

_TICK = 0.1  # seconds between two reads of the followed runs
_SURVEY_EVERY = 0.5  # seconds between two surveys of all runs
_PIECE = 1 << 18  # bytes of events read at once


class RunFollower(QObject):
    """Signals (delivered in the GUI thread)
    -------
    surveyed(object)            list of RunSummary of the runs that changed, and list of paths that are gone, as a pair
    events_read(object, object) the token given to `follow`, and a list of Parts for its RunLog
    """

    surveyed = Signal(object)
    events_read = Signal(object, object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._extra: list[Path] = []
        self._readers: dict[object, LineReader] = {}
        self._summary_readers: dict[Path, SummaryReader] = {}
        self._forgotten: list[Path] = []
        self._hurry = True
        self._surveyed = -1e9  # when, in seconds
        self._thread: threading.Thread | None = None

    # From the GUI thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="run follower", daemon=True)
            self._thread.start()

    def follow(self, path: Path, token: object) -> None:
        """Emit a run's events from the first on, under this token."""
        with self._lock:
            self._readers[token] = RunDir(path).events()
        self._wake.set()

    def unfollow(self, token: object) -> None:
        with self._lock:
            self._readers.pop(token, None)

    def move(self, token: object, path: Path) -> None:
        """A followed run's folder was renamed."""
        with self._lock:
            if token in self._readers:
                self._readers[token].file = RunDir(path).events_file
        self.hurry()

    def watch(self, paths: Iterable[Path]) -> None:
        """Keep summaries of these runs too, wherever they are."""
        with self._lock:
            self._extra = list(paths)
        self.hurry()

    def forget(self, path: Path) -> None:
        """Report this run as a new one."""
        with self._lock:
            self._forgotten.append(path)
        self.hurry()

    def hurry(self) -> None:
        """Survey all runs now: something was started, renamed or deleted."""
        self._hurry = True
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    # In the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closed:
            self._wake.clear()
            try:
                busy = self._look()
            except Exception as error:  # it must not end the thread: other runs are still to be followed
                report(error, "reading the runs")
                busy = False
            self._wake.wait(0.002 if busy else _TICK)

    def _look(self) -> bool:
        """Read on, and survey the runs if it is time; whether there is more to read."""
        busy = self._read()
        now = time.monotonic()
        if self._hurry or now - self._surveyed >= _SURVEY_EVERY:
            self._hurry, self._surveyed = False, now
            busy = self._survey(now) or busy
        return busy

    def _read(self) -> bool:
        """Read a piece of each followed run; whether there is more."""
        with self._lock:
            readers = list(self._readers.items())
        busy = False
        for token, reader in readers:
            before = reader.offset
            try:
                entries = reader.parse(reader.lines(_PIECE))
            except OSError:
                continue  # a disk that is unplugged may come back
            if entries:
                self.events_read.emit(token, parse_events(entries))
            busy = busy or reader.offset - before >= _PIECE
        return busy

    def _survey(self, now: float) -> bool:
        try:
            inside = [path for path in self.folder.iterdir() if not path.name.startswith(".") and is_run(path)]
        except OSError:
            inside = []
        with self._lock:
            paths = dict.fromkeys([*inside, *(path for path in self._extra if is_run(path))])
            while self._forgotten:
                self._summary_readers.pop(self._forgotten.pop(), None)
        gone = [path for path in self._summary_readers if path not in paths]
        for path in gone:
            del self._summary_readers[path]
        changed, busy = [], False
        for path in paths:
            reader = self._summary_readers.get(path)
            if reader is None:
                reader = self._summary_readers[path] = SummaryReader(path)
            before = reader.summary
            try:
                after = reader.update(now)
            except OSError:
                continue  # it is being deleted
            if after != before:
                changed.append(after)
            busy = busy or reader.behind
            if self._closed:
                return False
        if changed or gone:
            self.surveyed.emit((changed, gone))
        return busy
