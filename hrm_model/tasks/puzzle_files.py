"""Files of puzzles, as people keep them. What a file holds is found by its content, not by its name.

| content | for example |
|---|---|
| a board a line, perhaps with its solution, a number, a name, a link around it | `.sdm`, Hodoku's library, lines of JSON |
| a table with a column of puzzles: `source,question,answer,rating` as published, or `puzzle,solution`, `quizzes,solutions` … | `.csv`, with commas, semicolons or tabs |
| drawn grids, one or several, with titles or empty lines between them | `.ss` (Simple Sudoku), `.sdk` (SadMan, SudoCue: the part `[Puzzle]`), `.txt` |
| one grid in another program's form: lists, HTML, XML, a spreadsheet | `tasks/read.py` lists them |

Files are UTF-8, UTF-16 or what programs on Windows wrote (cp1252).
Shapes: N puzzles, S cells.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import PuzzleError
from hrm_model.foreign import named
from hrm_model.tasks.base import Grids, Task
from hrm_model.tasks.characters import encoding_of
from hrm_model.tasks.puzzle_rows import Row, rows_of
from hrm_model.tasks.read import parse_any

LARGEST_FILE = 4 << 30  # bytes
_HEAD = 1 << 20  # bytes that show the encoding
_AT_ONCE = 20_000  # puzzles turned into arrays together


@dataclass(frozen=True)
class Puzzles:
    """Puzzles of one task, with what their file says about them."""

    task: Task
    puzzles: Grids  # (N, S)
    solutions: Grids | None = None  # (N, S)
    ratings: NDArray[np.float32] | None = None  # (N,) NaN if the file gives none
    sources: tuple[str, ...] = ()  # N of them, or none

    def __len__(self) -> int:
        return len(self.puzzles)

    def __getitem__(self, chosen: slice | NDArray) -> Puzzles:
        """Some of them."""
        index = np.arange(len(self))[chosen]
        return replace(
            self,
            puzzles=self.puzzles[index],
            solutions=None if self.solutions is None else self.solutions[index],
            ratings=None if self.ratings is None else self.ratings[index],
            sources=tuple(self.sources[i] for i in index) if self.sources else (),
        )


def read_puzzles(file: Path, *, solve: bool = False, limit: int | None = None, any_solution: bool = False) -> Puzzles:
    """All puzzles of a file, or the first `limit`. `solve`: solutions that the file lacks are found.

    With `any_solution`, puzzles with several solutions are read too; their solution is 0 everywhere.
    Solutions are kept only if every puzzle has one. PuzzleError names the file, the line and what is wrong with it.
    """
    try:
        parts = list(iter_puzzles(file, solve=solve, limit=limit, any_solution=any_solution))
    except OSError as error:
        raise PuzzleError(f"{file}: cannot be read ({error.strerror or error})") from None
    if not parts:
        raise PuzzleError(f"{file}: contains no puzzle. Write one puzzle per line, or draw them as grids")
    solutions = [p.solutions for p in parts if p.solutions is not None]
    ratings = [p.ratings for p in parts if p.ratings is not None]
    return Puzzles(
        parts[0].task,
        np.concatenate([p.puzzles for p in parts]),
        np.concatenate(solutions) if len(solutions) == len(parts) else None,
        np.concatenate(ratings) if len(ratings) == len(parts) else None,
        tuple(itertools.chain.from_iterable(p.sources for p in parts)),
    )


def count_puzzles(text: str, most: int) -> int:
    """How many puzzles a text holds, counted up to `most`; 0 if it cannot be read. Only the first two are looked at closely."""
    try:
        rows = list(itertools.islice(rows_of(io.StringIO(text)), most))
        for row in rows[:2]:
            parse_any(row.question)
    except (PuzzleError, csv.Error):
        return 0
    return len(rows)


def iter_puzzles(file: Path, *, solve: bool = False, limit: int | None = None, any_solution: bool = False) -> Iterator[Puzzles]:
    """A file's puzzles, about ten thousand at a time, so that a file of millions needs no more memory. OSError, PuzzleError."""
    if file.stat().st_size > LARGEST_FILE:
        raise PuzzleError(f"{file}: has {file.stat().st_size / 1e9:.1f} GB; files up to {LARGEST_FILE >> 30} GB are read")
    task: Task | None = None
    with file.open("rb") as raw:
        head = raw.read(_HEAD)
    try:
        encoding = encoding_of(head, whole=len(head) < _HEAD)
    except PuzzleError:
        raise PuzzleError(f"{file}: {named(head[:1024], 'a file of puzzles') or 'cannot be read (it is not text)'}") from None
    with file.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as stream:
        rows = _rows(stream, file, limit)
        while chunk := list(itertools.islice(rows, _AT_ONCE)):
            found = _to_grids(chunk, task, file, solve, any_solution)
            task = found.task
            yield found


def _rows(stream: TextIO, file: Path, limit: int | None) -> Iterator[Row]:
    """The file's rows. Each PuzzleError names the file."""
    try:
        yield from itertools.islice(rows_of(stream), limit)
    except PuzzleError as error:
        raise PuzzleError(f"{file}, {error}") from None
    except UnicodeDecodeError:
        raise PuzzleError(f"{file}: cannot be read (it is not text)") from None
    except csv.Error as error:
        raise PuzzleError(f"{file}: cannot be read ({error})") from None


def _to_grids(rows: list[Row], task: Task | None, file: Path, solve: bool, any_solution: bool) -> Puzzles:
    """Rows → checked grids; `task` is that of earlier rows, None for the first ones."""
    if task is None:
        with _named(file, rows[0]):
            task, _ = parse_any(rows[0].question)
    puzzles = _parsed(rows, [row.question for row in rows], task, file)
    for i in np.flatnonzero(~task.sound(puzzles)):
        with _named(file, rows[i]):
            task.check(puzzles[i])
    has_answer = np.array([bool(row.answer) for row in rows])
    solutions = np.zeros_like(puzzles)
    if has_answer.any():
        answered = [row for row in rows if row.answer]
        solutions[has_answer] = _parsed(answered, [row.answer for row in answered], task, file)
        for i in np.flatnonzero(has_answer)[~task.right(solutions[has_answer], puzzles[has_answer], None)]:
            raise PuzzleError(f"{file}, {rows[i].where}: the answer is not a solution of the puzzle before it.")
    if not has_answer.all() and solve:
        missing = np.flatnonzero(~has_answer)
        solutions[missing], fine = task.solve_all(puzzles[missing])
        for i in missing[~fine]:
            with _named(file, rows[i]):
                task.solution_if_one(puzzles[i]) if any_solution else task.solve(puzzles[i])
            solutions[i] = 0
    ratings = np.array([_number(row.rating) for row in rows], np.float32)
    return Puzzles(task, puzzles, solutions if has_answer.all() or solve else None, ratings, tuple(row.source for row in rows))


def _parsed(rows: list[Row], texts: list[str], task: Task, file: Path) -> Grids:
    """(N, S). Lines of plain cells all at once, others one by one."""
    if all(len(text) == task.cells for text in texts):
        grids = task.parse_plain("".join(texts))
        if grids is not None:
            return grids
    grids = np.empty((len(texts), task.cells), np.int8)
    for i, text in enumerate(texts):
        with _named(file, rows[i]):
            grids[i] = task.parse(text)
    return grids


@contextmanager
def _named(file: Path, row: Row) -> Iterator[None]:
    """A PuzzleError with file and line."""
    try:
        yield
    except PuzzleError as error:
        raise type(error)(f"{file}, {row.where}: {error}") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if abs(number) < 1e30 else float("nan")
