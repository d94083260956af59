"""Follows the runs folder: its runs, their summaries, and the events of the runs that are open.

Files are read in the background, in bounded pieces: a long history arrives in parts and a short one at once, and the next piece is read only
once the last one was taken. The GUI thread only takes arrays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_model.errors import message_of
from hrm_studio.crash import report
from hrm_studio.services.background import Background
from trainer.runs.events import LineReader
from trainer.runs.log import Part, parse_events
from trainer.runs.manage import is_run, run_folders
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import RunSummary, SummaryReader

_TICK_MS = 100  # between two reads of the followed runs
_SURVEY_EVERY = 0.5  # seconds between two surveys of all runs
_PIECE = 1 << 18  # bytes of events read at once


class RunFollower(QObject):
    """Signals
    -------
    surveyed(object)            list of RunSummary of the runs that changed, and list of paths that are gone, as a pair
    events_read(object, object) the token given to `follow`, and a list of Parts for its RunLog
    """

    surveyed = Signal(object)
    events_read = Signal(object, object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = _RunsReader(folder)
        self._background = Background(self)
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._read)
        self._readers: dict[object, LineReader] = {}
        self._extra: list[Path] = []
        self._forgotten: list[Path] = []
        self._reading = False
        self._survey_now = True
        self._last_survey = -1e9  # when, in seconds

    def start(self) -> None:
        self._timer.start()
        self._read()

    def follow(self, path: Path, token: object) -> None:
        """Emit a run's events from the first on, under this token."""
        self._readers[token] = RunDir(path).events()
        self._read()

    def unfollow(self, token: object) -> None:
        self._readers.pop(token, None)

    def move(self, token: object, path: Path) -> None:
        """A followed run's folder was renamed."""
        if token in self._readers:
            self._readers[token].file = RunDir(path).events_file
        self.hurry()

    def watch(self, paths: Iterable[Path]) -> None:
        """Keep summaries of these runs too, wherever they are."""
        self._extra = list(paths)
        self.hurry()

    def forget(self, path: Path) -> None:
        """Treat this run as a new one."""
        self._forgotten.append(path)
        self.hurry()

    def hurry(self) -> None:
        """Survey all runs now: a run was started, renamed or deleted."""
        self._survey_now = True
        self._read()

    def close(self) -> None:
        self._timer.stop()
        self._background.close()

    def _read(self) -> None:
        if self._reading or not self._timer.isActive():
            return
        now = time.monotonic()
        survey = self._survey_now or now - self._last_survey >= _SURVEY_EVERY
        forgotten = self._forgotten if survey else []
        if survey:
            self._survey_now, self._last_survey, self._forgotten = False, now, []
        self._reading = True
        work = partial(self._reader.read, dict(self._readers), [*self._extra] if survey else None, forgotten, now)
        self._background.run(work, self._deliver)

    def _deliver(self, news: _News) -> None:
        self._reading = False
        for token, parts in news.events:
            if token in self._readers:
                self.events_read.emit(token, parts)
        if news.changed or news.gone:
            self.surveyed.emit((news.changed, news.gone))
        self._survey_now |= news.behind
        if news.more or self._survey_now:
            self._read()


@dataclass
class _News:
    """What one read found."""

    events: list[tuple[object, list[Part]]] = field(default_factory=list)
    more: bool = False  # a followed run has more events
    changed: list[RunSummary] = field(default_factory=list)
    gone: list[Path] = field(default_factory=list)
    behind: bool = False  # a summary has not yet read all of its run


class _RunsReader:
    """Reads in the background thread; one call at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._summaries: dict[Path, SummaryReader] = {}

    def read(self, readers: Mapping[object, LineReader], extra: list[Path] | None, forgotten: list[Path], now: float) -> _News:
        """A piece of each followed run; and a survey of the folder's runs and the `extra` ones, unless that is None."""
        news = _News()
        try:
            self._read_events(readers, news)
            if extra is not None:
                self._survey(extra, forgotten, now, news)
        except Exception as error:  # the other runs are still to be followed
            report(error, "reading the runs")
        return news

    def _read_events(self, readers: Mapping[object, LineReader], news: _News) -> None:
        for token, reader in readers.items():
            before = reader.offset
            try:
                entries = reader.parse(reader.lines(_PIECE))
            except OSError:
                continue  # a disk that is away may come back
            if entries:
                news.events.append((token, parse_events(entries)))
            news.more |= reader.offset - before >= _PIECE

    def _survey(self, extra: list[Path], forgotten: list[Path], now: float, news: _News) -> None:
        paths = dict.fromkeys([*run_folders(self._folder), *(path for path in extra if is_run(path))])
        for path in forgotten:
            self._summaries.pop(path, None)
        news.gone = [path for path in self._summaries if path not in paths]
        for path in news.gone:
            del self._summaries[path]
        for path in paths:
            reader = self._summaries.get(path)
            if reader is None:
                reader = self._summaries[path] = SummaryReader(path)
            before = reader.summary
            try:
                after = reader.update(now)
            except Exception as error:  # a bug must not hide the other runs
                after = replace(before, state="unreadable", message=message_of(error))
                if after != before:
                    report(error, f"reading the run {path.name}")
                reader.summary = after
            if after != before:
                news.changed.append(after)
            news.behind |= reader.behind
