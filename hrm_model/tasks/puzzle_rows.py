"""From a puzzle file's text to one row a puzzle, whatever way it is written; nothing is checked here but the form."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from hrm_model.errors import PuzzleError
from hrm_model.tasks.maze.grid import is_maze_text
from hrm_model.tasks.sudoku.grid import VARIANTS

_LONGEST_LINE = 50_000  # characters
_LOOKED_AT = 400  # lines that tell what kind of text it is

_QUESTION = ("question", "puzzle", "puzzles", "quizzes", "quiz", "sudoku", "maze")
_ANSWER = ("answer", "solution", "solutions")
_RATING = ("rating", "difficulty")
_SOLIDS = {variant.cells for variant in VARIANTS}
_SIDES = {variant.side for variant in VARIANTS}


@dataclass(frozen=True)
class Row:
    """A puzzle as it is written."""

    where: str  # 'line 3'
    question: str
    answer: str = ""
    rating: str = ""
    source: str = ""


Lines = Iterator[tuple[int, str]]  # numbered from 1, without line ends


def rows_of(stream: TextIO, suffix: str) -> Iterator[Row]:
    """The puzzles of a text; `suffix` is the file's ending with its dot. PuzzleError for a table without a column of puzzles."""
    lines = _numbered(stream)
    if suffix == ".sdk":
        return _drawn_sudokus(_puzzle_section(lines))
    head = list(itertools.islice(lines, _LOOKED_AT))
    lines = itertools.chain(head, lines)
    if head and suffix in (".csv", ".tsv", ".txt") and _names(head[0][1], suffix):
        return _table(lines, suffix)
    if any(is_maze_text(line.replace(",", "")) and "S" in line.upper() for _, line in head):
        told = [line for _, line in head if line and not _is_maze_comment(line)]
        whole = [_is_whole_maze(line) for line in told[:2]]
        return _mazes_in_lines(lines) if whole[0] and (whole[-1] or len(told[0]) != len(told[-1])) else _drawn_mazes(lines)
    told = [line for _, line in head if line.strip() and not line.lstrip().startswith("#")]
    cells = [len(_solid(line.partition(",")[0])) for line in told[:1]]
    if not told or cells[0] in _SOLIDS or suffix == ".sdm" or (max(map(len, told)) > 40 and suffix != ".ss"):
        return _sudokus_in_lines(lines)
    return _drawn_sudokus(lines)


def _numbered(stream: TextIO) -> Lines:
    for number in itertools.count(1):
        line = stream.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise PuzzleError(f"line {number} has more than {_LONGEST_LINE:,} characters; no puzzle has.")
        yield number, line.rstrip("\r\n")


# Tables --------------------------------------------------------------------------------------------------------------------


def _separator(first: str) -> str:
    return max(",;\t", key=first.count)


def _names(first: str, suffix: str) -> list[str]:
    """The columns' names in lower case; none where the first line holds no column of puzzles."""
    names = [name.strip().strip('"').lower() for name in first.split(_separator(first))]
    return names if any(name in _QUESTION for name in names) else []


def _table(lines: Lines, suffix: str) -> Iterator[Row]:
    number, first = next(lines)
    names = _names(first, suffix)

    def column(wanted: Iterable[str]) -> int:
        return next((names.index(name) for name in wanted if name in names), len(names))

    question, answer, rating, source = map(column, (_QUESTION, _ANSWER, _RATING, ("source",)))
    reader = csv.reader((line for _, line in lines), delimiter=_separator(first))
    for fields in reader:
        if not any(fields):
            continue
        padded = fields + [""] * (len(names) + 1 - len(fields))
        yield Row(f"line {number + reader.line_num}", padded[question], padded[answer], padded[rating].strip(), padded[source].strip())


# Sudokus -------------------------------------------------------------------------------------------------------------------


def _solid(line: str) -> str:
    """A line without borders and spaces."""
    return re.sub(r"[\s|│║+!:\-=]", "", line)


def _sudokus_in_lines(lines: Lines) -> Iterator[Row]:
    """PUZZLE, or PUZZLE,SOLUTION, a line; what follows a # is a comment."""
    for number, line in lines:
        text = line.partition("#")[0].strip()
        if text:
            question, _, answer = text.partition(",")
            if answer and len(_solid(question)) not in _SOLIDS:
                question, answer = text, ""  # cells with commas between them
            yield Row(f"line {number}", question, answer.strip(" ,"))


def _drawn_sudokus(lines: Lines) -> Iterator[Row]:
    """Rows of cells until there are as many as the first has cells; titles, borders and empty lines between them are skipped."""
    rows: list[str] = []
    begin = 0
    for number, line in lines:
        cells = _solid(line)
        if line.lstrip().startswith("#") or not cells or re.fullmatch(r"\*+", cells):
            continue
        if len(cells) not in _SIDES or not re.fullmatch(r"[0-9.*_xX]+", cells):
            if rows:
                yield Row(f"line {begin}", "\n".join(rows))  # cut short, as its reader will say
            rows = []
            continue
        begin = begin if rows else number
        rows.append(cells)
        if len(rows) == len(rows[0]):
            yield Row(f"line {begin}", "".join(rows))
            rows = []
    if rows:
        yield Row(f"line {begin}", "\n".join(rows))


def _puzzle_section(lines: Lines) -> Lines:
    """The lines under [Puzzle], or those before any such head."""
    section = ""
    for number, line in lines:
        head = re.fullmatch(r"\s*\[(\w+)\]\s*", line)
        if head:
            section = head[1].lower()
        elif section in ("", "puzzle"):
            yield number, line


# Mazes ---------------------------------------------------------------------------------------------------------------------


def _is_maze_comment(line: str) -> bool:
    return line.startswith("#") and not is_maze_text(line.replace(",", ""))


def _is_whole_maze(line: str) -> bool:
    """Whether a line is a maze, row after row, not one row of a drawn one."""
    question = line.partition(",")[0]
    return math.isqrt(len(question)) ** 2 == len(question) and "S" in question.upper() and bool({"G", "g", "E"} & set(question))


def _mazes_in_lines(lines: Lines) -> Iterator[Row]:
    for number, line in lines:
        if line.strip() and not _is_maze_comment(line):
            question, _, answer = line.partition(",")
            yield Row(f"line {number}", question, answer)


def _drawn_mazes(lines: Lines) -> Iterator[Row]:
    """Rows until there are as many as the widest has cells; empty lines and comments between mazes are skipped."""
    rows: list[str] = []
    begin = 0
    for number, line in lines:
        if _is_maze_comment(line) or (not rows and not line.strip()):
            continue
        begin = begin if rows else number
        rows.append(line)
        if len(rows) >= max(map(len, rows)):
            yield Row(f"line {begin}", "\n".join(rows))
            rows = []
    if any(row.strip() for row in rows):
        yield Row(f"line {begin}", "\n".join(rows))
