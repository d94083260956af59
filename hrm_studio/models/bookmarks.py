"""Bookmarks: steps of a trace with notes, kept in the settings."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.trace.data import Trace
from hrm_studio.models.trace_model import TraceModel

_MOST_TRACES = 100  # bookmarks of older traces are dropped


class Bookmarks(QObject):
    """The open trace's notes by step. Traces of the same model on the same puzzle share their bookmarks.

    Signals
    -------
    changed()   `notes` changed
    """

    changed = Signal()

    def __init__(self, traces: TraceModel, settings: QSettings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._traces, self._settings = traces, settings
        self.notes: dict[int, str] = {}
        traces.trace_replaced.connect(self._load)

    def set(self, step: int, note: str) -> None:
        """Add a bookmark at a step, or change its note."""
        self._keep({**self.notes, step: note})

    def remove(self, step: int) -> None:
        self._keep({k: v for k, v in self.notes.items() if k != step})

    def next_from(self, step: int, direction: int) -> int | None:
        """The nearest bookmark after (direction 1) or before (−1) a step."""
        ahead = [k for k in self.notes if (k - step) * direction > 0]
        return min(ahead, key=lambda k: abs(k - step)) if ahead else None

    def _keep(self, notes: dict[int, str]) -> None:
        self.notes = dict(sorted(notes.items()))
        trace = self._traces.trace
        if self._settings is not None and trace is not None:
            stored = self._stored()
            stored.pop(_key(trace), None)
            if self.notes:
                stored[_key(trace)] = self.notes
            self._settings.setValue("bookmarks", json.dumps(dict(list(stored.items())[-_MOST_TRACES:])))
        self.changed.emit()

    def _stored(self) -> dict[str, dict[int, str]]:
        text = self._settings.value("bookmarks") if self._settings is not None else None
        try:
            found = json.loads(text) if isinstance(text, str) else {}
            return {str(key): {int(step): str(note) for step, note in notes.items()} for key, notes in found.items()}
        except (ValueError, AttributeError):
            return {}  # not written by us

    def _load(self) -> None:
        trace = self._traces.trace
        notes = self._stored().get(_key(trace), {}) if trace is not None else {}
        if notes != self.notes:
            self.notes = notes
            self.changed.emit()


def _key(trace: Trace) -> str:
    puzzle = np.asarray(trace.puzzle.given).astype(np.int16).tobytes()
    return hashlib.sha256(trace.puzzle.task.encode() + puzzle + trace.model.name.encode()).hexdigest()[:16]
