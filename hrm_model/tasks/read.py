"""The one reader of puzzles. Pasted, typed, dropped and piped text and files are all read here, by their content.

| text | read as |
|---|---|
| digits with `. 0 * _ x ? -` or spaces for blanks, as a line or drawn with or without borders | Sudoku |
| the same above 9×9 with letters (A is 10), or numbers between spaces or commas | Sudoku |
| cells, then a map with a letter for each cell's region | jigsaw Sudoku |
| a grid with pencil marks, a table of a spreadsheet, a page or a document, a list of lists, a link, a line of a collection | Sudoku |
| `#`, space, `S`, `G` (also `█ . 0 1 _ E`), as a line or drawn | maze |
| JSON of an ARC task, a list of lists that is not a sound Sudoku, rows with `/` between them | ARC |

Nothing is filled up or left out in silence: a text is read whole by one rule, or refused with the line and the character.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from hrm_model.errors import PuzzleError
from hrm_model.foreign import named
from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.characters import decode, plain
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.tasks.sudoku import regions
from hrm_model.tasks.sudoku.embedded import boards_in, boards_in_lists, boards_in_markup, is_one_of_16, puzzle_section, refuse_rounded
from hrm_model.tasks.sudoku.layout import read
from hrm_model.tasks.sudoku.solver import has_one_solution
from hrm_model.tasks.sudoku.task import SudokuTask

LARGEST_TEXT = 16 << 20  # bytes of a file that is read whole
_ARC_LINE = re.compile(r"\s*\d+(/\d+)+\s*", re.ASCII)


def parse_any(text: str) -> tuple[Task, Grid]:
    """A text with one puzzle of any kind → its task and its grid (S,). PuzzleError.

    Of an ARC task's JSON it is the first test input.
    """
    try:
        return _parse(text)
    except PuzzleError:
        other = named(text[:1024].encode(errors="replace"), "a puzzle")
        if not other or boards_in_markup(text):
            raise
        raise PuzzleError(f"This is {other}") from None


def _parse(text: str) -> tuple[Task, Grid]:
    if is_arc_task(text):
        return ArcTask(), arc.encode(arc.task_from_text(text, "", "The text").test[0].input).astype(np.int8)
    as_sudoku = _sudoku_in_lists(text)
    if as_sudoku is not None:
        return as_sudoku
    if arc.looks_like_json_grid(text):
        return ArcTask(), ArcTask().parse(text)
    if _ARC_LINE.fullmatch(text):
        return _sudoku_or_arc(text)
    if maze.looks_like_maze(text):
        grid = maze.parse(text)
        return MazeTask(*maze.shape_of(grid)), grid
    return _sudoku(puzzle_section(plain(text)))


def _sudoku(text: str) -> tuple[Task, Grid]:
    """A Sudoku in plain text, wherever it stands in it."""
    boards = boards_in_markup(text)
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not boards and regions.split(text) is None and not is_one_of_16(lines):
        found = [boards_in(line.partition("#")[0]) for line in lines]
        boards = [each.puzzle for each in found if each is not None]
        if not boards:
            for number, line in enumerate(text.split("\n"), 1):
                refuse_rounded(line, number)
    if len(boards) == 16 and all(len(board) == 16 for board in boards):
        raise PuzzleError("These can be 16 Sudokus of 4×4 or one of 16×16, which cannot be read.")
    if len(boards) > 1:
        raise PuzzleError(f"The text holds {len(boards)} puzzles; one is needed here. `hrm-studio eval` takes files of many.")
    # `# …` after the cells is a comment; spaces in its place keep all characters where they are.
    without_comments = re.sub(r"#.*", lambda m: " " * len(m[0]), text)
    reading = read(boards[0] if boards else without_comments)
    return SudokuTask(reading.size), reading.grid


def _sudoku_in_lists(text: str) -> tuple[Task, Grid] | None:
    """A list of lists that is a sound Sudoku: of 9 × 9 always, of another size if it has exactly one solution."""
    text = plain(text)
    boards = boards_in_lists(text)
    if not boards:
        return None
    sure = not arc.looks_like_json_grid(text) or re.search(r"[\"'.]|none|null", text, re.IGNORECASE) is not None
    try:
        reading = read(boards[0])
    except PuzzleError:
        if sure:
            raise
        return None
    if not sure and not _is_sudoku(reading.grid, reading.size):
        return None
    if len(boards) > 1:
        raise PuzzleError(f"The text holds {len(boards)} puzzles; one is needed here. `hrm-studio eval` takes files of many.")
    return SudokuTask(reading.size), reading.grid


def _is_sudoku(grid: Grid, size: sudoku.Variant) -> bool:
    if sudoku.conflicts(grid, size).any() or not grid.any():
        return False
    if size == sudoku.SUDOKU_9:
        return True
    # With two digits of which there is no clue, there is a second solution, in which they change places.
    return len(np.unique(grid[grid > 0])) >= size.side - 1 and has_one_solution(grid, size)


def _sudoku_or_arc(text: str) -> tuple[Task, Grid]:
    rows = text.strip().split("/")
    if len(rows) in (4, 6, 8, 9) and all(len(row) == len(rows) for row in rows):
        size = sudoku.variant_of_cells(len(rows) ** 2)
        grid = np.array([int(c) for c in "".join(rows)], np.int8)
        if grid.max() <= size.side and _is_sudoku(grid, size):
            return SudokuTask(size), grid
    return ArcTask(), ArcTask().parse(text.replace("/", "\n"))


def is_arc_task(text: str) -> bool:
    """Whether a text is meant as an ARC task's JSON."""
    return arc.looks_like_json(text) and not _is_record(text)


def _is_record(text: str) -> bool:
    """Whether JSON is a puzzle with a name, as in lines of {"puzzle": …}, and not an ARC task."""
    return re.match(r'\ufeff?\s*\{[^\[\]]*"(puzzle|question|quiz|quizzes|sudoku|board|maze)"', text, re.IGNORECASE) is not None


def read_text(file: Path) -> str:
    """The text of a file or pipe, in any encoding. PuzzleError names the file."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise PuzzleError(f"{file}: cannot be read ({error.strerror or error}).") from None
    if len(data) > LARGEST_TEXT:
        raise PuzzleError(f"{file}: has more than {LARGEST_TEXT >> 20} MB; one puzzle is needed here.")
    try:
        return decode(data)
    except PuzzleError as error:
        raise PuzzleError(f"{file}: {named(data[:1024], 'a puzzle') or error}") from None
