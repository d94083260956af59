"""Splits the text of a puzzle file into one row per puzzle. Checks the form only, not the puzzles."""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from hrm_model.errors import PuzzleError
from hrm_model.foreign import named
from hrm_model.tasks.characters import plain
from hrm_model.tasks.maze.grid import is_maze_text, looks_like_maze
from hrm_model.tasks.sudoku import regions
from hrm_model.tasks.sudoku.embedded import boards_in, boards_in_lists, boards_in_markup, is_one_of_16, puzzle_section, refuse_rounded
from hrm_model.tasks.sudoku.grid import SUDOKU_4, VARIANTS
from hrm_model.tasks.sudoku.layout import read
from hrm_model.tasks.sudoku.solver import has_one_solution

_LONGEST_LINE = 50_000  # characters
_LOOKED_AT = 400  # lines that show what kind of text it is
_MOST_DRAWN = 50_000  # lines of drawn grids

_QUESTION = ("question", "puzzle", "puzzles", "quizzes", "quiz", "sudoku", "maze")
_ANSWER = ("answer", "solution", "solutions")
_RATING = ("rating", "difficulty")
_QUOTE_APART = re.compile(r'([,;\t]) +"')  # some programs write a space before a quote
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


def rows_of(stream: TextIO) -> Iterator[Row]:
    """The puzzles of a text, by its content. PuzzleError for what is not a puzzle, with its line."""
    lines = _numbered(stream)
    head = list(itertools.islice(lines, _LOOKED_AT))
    lines = itertools.chain(head, lines)
    content = [line for _, line in head if line.strip() and not _is_comment(line)]
    if any(_names(line) for line in content[:2]):
        return _table(lines)
    mazes = [line for _, line in head if line.strip() and not _is_maze_comment(line)]
    if looks_like_maze("\n".join(mazes)):
        complete = [_is_whole_maze(line) for line in mazes[:2]]
        return _mazes_in_lines(lines) if complete[0] and (complete[-1] or len(mazes[0]) != len(mazes[-1])) else _drawn_mazes(lines)
    if any(regions.split(plain(line)) for line in content[:2]):
        return _jigsaws_in_lines(lines)
    boards = [boards_in(plain(line)) for line in content]
    whole = len(head) < _LOOKED_AT and (
        is_one_of_16([plain(line) for line in content]) or regions.split(plain("\n".join(content))) is not None
    )
    if any(boards) and not whole and not content[0].lstrip().startswith("<"):
        if (
            len(content) == 16
            and len(head) < _LOOKED_AT
            and all(board and len(board.puzzle) == 16 and not board.solution for board in boards)
        ):
            _refuse_unless_of_4([board.puzzle for board in boards if board])
        return _sudokus_in_lines(lines)
    return _drawn_sudokus(lines)


def _numbered(stream: TextIO) -> Lines:
    for number in itertools.count(1):
        line = stream.readline(_LONGEST_LINE)
        if not line:
            return
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise PuzzleError(f"line {number} has more than {_LONGEST_LINE:,} characters, which is too long for a puzzle.")
        yield number, line.rstrip("\r\n")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//"))


def _refuse_unless_of_4(lines: list[str]) -> None:
    """PuzzleError unless each of 16 lines is a 4×4 with one solution: together they could be an unfinished 16×16."""
    try:
        sure = all(has_one_solution(read(line, SUDOKU_4).grid, SUDOKU_4) for line in lines)
    except PuzzleError:
        sure = False
    if not sure:
        raise PuzzleError("line 1: these can be 16 Sudokus of 4×4 or one of 16×16. Write their solutions after them to make it clear.")


# Tables --------------------------------------------------------------------------------------------------------------------


def _separator(first: str) -> str:
    return max(",;\t", key=first.count)


def _names(first: str) -> list[str]:
    """The columns' names in lower case; none if a line does not name a column of puzzles."""
    names = [name.strip().strip('"').strip().lower() for name in first.split(_separator(first))]
    return names if any(name in _QUESTION for name in names) else []


def _table(lines: Lines) -> Iterator[Row]:
    number, first = next((n, line) for n, line in lines if line.strip() and not _is_comment(line) and _names(line))
    names = _names(first)

    def column(wanted: Iterable[str]) -> int:
        return next((names.index(name) for name in wanted if name in names), len(names))

    question, answer, rating, source = map(column, (_QUESTION, _ANSWER, _RATING, ("source",)))
    reader = csv.reader((_QUOTE_APART.sub(r'\1"', line) for _, line in lines), delimiter=_separator(first))
    for fields in reader:
        if not any(fields):
            continue
        padded = fields + [""] * (len(names) + 1 - len(fields))
        line = number + reader.line_num
        refuse_rounded(padded[question], line)
        yield Row(f"line {line}", padded[question], padded[answer], padded[rating].strip(), padded[source].strip())


# Sudokus -------------------------------------------------------------------------------------------------------------------


def _jigsaws_in_lines(lines: Lines) -> Iterator[Row]:
    """Cells and a map of regions a line; its reader takes both."""
    for number, line in lines:
        if line.strip() and not _is_comment(line):
            yield Row(f"line {number}", line)


def _sudokus_in_lines(lines: Lines) -> Iterator[Row]:
    """One board per line, with any text around it; titles and column names may come before the first."""
    begun = False
    for number, line in lines:
        text = plain(line).partition("#")[0]
        if not text.strip() or _is_comment(text):
            continue
        found = boards_in(text)
        if found is not None:
            begun = True
            yield Row(f"line {number}", found.puzzle, found.solution, found.rating)
        elif begun or not any(c.isalpha() and c not in "xX" for c in text):
            refuse_rounded(text, number)
            yield Row(f"line {number}", text)  # the reader says what is wrong with it


def _drawn_sudokus(lines: Lines) -> Iterator[Row]:
    """One grid or several, drawn or in another program's form."""
    numbered = list(itertools.islice(lines, _MOST_DRAWN + 1))
    if len(numbered) > _MOST_DRAWN:
        raise PuzzleError(
            f"line {_MOST_DRAWN}: up to here no line is a whole puzzle, and more lines of drawn grids are not read. Write one puzzle per line."
        )
    text = puzzle_section(plain("\n".join(line for _, line in numbered)))
    numbered = [(number, line) for (number, _), line in zip(numbered, text.split("\n"), strict=False)]  # no lines are one empty text
    first = next((number for number, line in numbered if line.strip() and not _is_comment(line)), 1)
    for number, line in numbered:
        refuse_rounded(line, number)
    boards = boards_in_markup(text) or boards_in_lists(text)
    if boards:
        for board in boards:
            yield Row(f"line {first}", board)
        return
    other = named(text[:1024].encode(errors="replace"), "a file of puzzles")
    if other:
        raise PuzzleError(f"line {first}: {other}")
    if text.lstrip().startswith(("[", "{")):
        raise PuzzleError(f"line {first}: this list is not a Sudoku. An ARC task is opened as a task, not as a file of puzzles.")
    if not any(c.isdigit() or c in "._*?" for c in text):
        if text.strip() and not all(_is_comment(line) or not line.strip() for _, line in numbered):
            yield Row(f"line {first}", text)
        return
    try:
        read(text)
    except PuzzleError as error:
        grids = list(_grids_in_turn(numbered))
        if not any(len(grid) == len(grid[0]) for _, grid in grids):
            raise PuzzleError(f"line {first}: {error}") from None
        for begin, rows in grids:
            yield Row(f"line {begin}", "\n".join(rows))
    else:
        yield Row(f"line {first}", text)


def _grids_in_turn(numbered: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows of cells until there are as many as the first has cells; what stands between them ends a grid."""
    rows: list[str] = []
    begin = 0
    for number, line in numbered:
        cells = re.sub(r"[\s|!:\-=+]", "", plain(line))
        symbols = r"[0-9A-Ya-y.*_?]+" if len(cells) > 9 else r"[0-9.*_xX?]+"
        if _is_comment(line) or not cells or re.fullmatch(r"\*+", cells):
            continue
        if len(cells) not in _SIDES or not re.fullmatch(symbols, cells):
            if rows:
                yield begin, rows  # cut short; the reader reports it
            rows = []
            continue
        begin = begin if rows else number
        rows.append(cells)
        if len(rows) == len(rows[0]):
            yield begin, rows
            rows = []
    if rows:
        yield begin, rows


# Mazes ---------------------------------------------------------------------------------------------------------------------


def _is_maze_comment(line: str) -> bool:
    return line.startswith("#") and not is_maze_text(line.replace(",", "").replace("\t", " "))


def _is_whole_maze(line: str) -> bool:
    """Whether a line is a maze, row after row, not one row of a drawn one."""
    question = line.partition(",")[0]
    if "/" in question:
        return True
    return math.isqrt(len(question)) ** 2 == len(question) and "S" in question.upper() and bool({"G", "g", "E"} & set(question))


def _mazes_in_lines(lines: Lines) -> Iterator[Row]:
    for number, line in lines:
        if line.strip() and not _is_maze_comment(line):
            question, _, answer = line.partition(",")
            yield Row(f"line {number}", question, answer)


def _drawn_mazes(lines: Lines) -> Iterator[Row]:
    """Grids with empty lines or comments between them; if a row without walls lost its spaces, an empty line is a row."""
    rows: list[str] = []
    begin = 0
    for number, line in itertools.chain(lines, [(0, "#end")]):
        ends = number == 0 or _is_maze_comment(line)
        if rows and (ends or not line.strip()) and (ends or len(rows) >= max(map(len, rows))):
            for first, part in _apart(rows):
                yield Row(f"line {begin + first}", "\n".join(part))
            rows = []
        if not ends and (rows or line.strip()):
            begin = begin if rows else number
            rows.append(line)


def _apart(rows: list[str]) -> list[tuple[int, list[str]]]:
    """The mazes in lines that follow each other, each with the number of its first line.

    One with one start is a maze. Others are cut into squares if each square has a start, else at empty lines, as between wide rectangles.
    """
    if _starts(rows) <= 1:
        return [(0, rows)]
    side = max(map(len, rows))
    squares = [(k, rows[k : k + side]) for k in range(0, len(rows), side)]
    if len(rows) % side == 0 and all(_starts(part) == 1 for _, part in squares):
        return squares
    parts: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows):
        if row.strip():
            if not parts or parts[-1][0] + len(parts[-1][1]) < number:
                parts.append((number, []))
            parts[-1][1].append(row)
    return parts


def _starts(rows: list[str]) -> int:
    return sum(row.upper().count("S") for row in rows)
