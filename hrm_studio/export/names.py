"""The names that files get unless one chooses another."""

from __future__ import annotations

import time

from hrm_model.analysis.core import blanks
from hrm_model.tasks.base import short_name
from hrm_model.trace.data import Trace


def file_name(trace: Trace, now: float | None = None) -> str:
    """Puzzle and date: 'sudoku-9x9-23-clues-2026-11-30-0947', 'maze-11x11-2026-11-30-0947'."""
    clues = f"-{int((~blanks(trace)).sum())}-clues" if trace.puzzle.task.startswith("sudoku") else ""
    return f"{short_name(trace.puzzle.task)}{clues}-{time.strftime('%Y-%m-%d-%H%M', time.localtime(now))}"
