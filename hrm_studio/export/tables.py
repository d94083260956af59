"""Export the numbers of a trace: curves and answers as CSV, arrays as .npy. No Qt."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hrm_model.analysis import core as analysis
from hrm_model.files import atomic_write
from hrm_model.trace.data import Trace
from hrm_model.trace.table import step_table

_WHOLE = (
    "step", "segment", "h_cycle", "l_step", "right", "wrong", "undecided", "given_changed", "breaks", "right_guesses", "guess_breaks", "solved", "would_halt",
)  # columns of whole numbers  # fmt: skip


def curve_rows(trace: Trace) -> Iterator[dict[str, Any]]:
    """One row a step: the columns of `step_table` as text that reads back exactly, '' for no number."""
    columns = step_table(trace)
    for row in zip(*columns.values(), strict=True):
        yield {name: _text(value, whole=name in _WHOLE) for name, value in zip(columns, row, strict=True)}


def answer_rows(trace: Trace) -> Iterator[dict[str, Any]]:
    """One row per step: the answer as text, one character per cell, or tokens separated by spaces if the task is unknown."""
    task = analysis.task_of(trace)
    for step in range(len(trace)):
        tokens = trace.prediction[step]
        text = task.format_line(task.from_tokens(tokens)) if task is not None else " ".join(map(str, tokens.tolist()))
        yield {"step": step, "answer": text}


def write_csv(trace: Trace, path: Path) -> Path:
    """Curves and answers together, one row per step. Raises WriteError."""
    rows = [curve | answer for curve, answer in zip(curve_rows(trace), answer_rows(trace), strict=True)]
    with atomic_write(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_npy(trace: Trace, folder: Path) -> list[Path]:
    """Every array of a trace as NAME.npy in a folder, which is created if needed. Raises OSError."""
    arrays = {name: getattr(trace, name) for name in trace.__dataclass_fields__ if isinstance(getattr(trace, name), np.ndarray)}
    arrays["given"] = np.asarray(trace.puzzle.given)
    if trace.puzzle.solution is not None:
        arrays["solution"] = np.asarray(trace.puzzle.solution)
    found = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            path = folder / f"{name}.npy"
            with atomic_write(path) as file:
                np.save(file, array, allow_pickle=False)
            found.append(path)
    except OSError as error:
        raise OSError(f"{folder}: cannot be written ({error.strerror or error})") from None
    return found


def _text(value: Any, *, whole: bool) -> str:
    if isinstance(value, str):
        return value
    return "" if np.isnan(value) else str(int(value)) if whole else repr(float(value))
