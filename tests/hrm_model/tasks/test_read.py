"""Puzzles as programs, web pages and people write them: read correctly or refused with a message, and never read as another puzzle."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hrm_model.assets import puzzle_lines
from hrm_model.errors import PuzzleError
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any, read_text

LINE = "2.83..5......5.69.......1.......3..1..154.8...5.69...746..........2...3...7....8."
SOLVED = "218369574374152698695478123746823951931547862852691347463785219589214736127936485"
OTHER = "3.8.4....21...9....67......1..35...7.....6.12.2..7...5.......7...9...1.....78.6.4"
ROWS = [LINE[r : r + 9] for r in range(0, 81, 9)]
DIGITS = [[int(c) if c.isdigit() else 0 for c in row] for row in ROWS]
GRID = "\n".join(ROWS)


def boxed(line: str) -> list[str]:
    rows = [" " + " | ".join(" ".join(line[r + c : r + c + 3]) for c in (0, 3, 6)) + " " for r in range(0, 81, 9)]
    rule = "-------+-------+-------"
    return [row.replace(".", " ") for row in [*rows[:3], rule, *rows[3:6], rule, *rows[6:]]]


def tight(line: str) -> list[str]:
    return ["|".join(line[r + c : r + c + 3].replace(".", " ") for c in (0, 3, 6)) for r in range(0, 81, 9)]


def side_by_side(line: str) -> list[str]:
    return [line[r : r + 9].replace(".", " ") for r in range(0, 81, 9)]


def apart(line: str) -> list[str]:
    return [" ".join(line[r : r + 9]).replace(".", " ") for r in range(0, 81, 9)]


def with_gaps(line: str) -> list[str]:
    rows = ["  ".join(" ".join(line[r + c : r + c + 3]) for c in (0, 3, 6)).replace(".", " ") for r in range(0, 81, 9)]
    return [*rows[:3], "", *rows[3:6], "", *rows[6:]]


def candidates() -> str:
    """Every cell with its pencil marks, as Simple Sudoku and Hodoku copy them."""
    grid = np.array(DIGITS)
    marks = []
    for r in range(9):
        cells = []
        for c in range(9):
            box = grid[r // 3 * 3 : r // 3 * 3 + 3, c // 3 * 3 : c // 3 * 3 + 3]
            free = [d for d in range(1, 10) if d not in grid[r] and d not in grid[:, c] and d not in box]
            cells.append(str(grid[r, c]) if grid[r, c] else "".join(map(str, free)))
        marks.append("| " + " | ".join(" ".join(f"{x:8}" for x in cells[k : k + 3]) for k in (0, 3, 6)) + " |")
    return "\n".join(marks)


WAYS: dict[str, str] = {
    "a link": f"https://www.sudokuwiki.org/sudoku.htm?bd={LINE.replace('.', '0')}",
    "a link with more": f"https://sudokuexchange.com/play/?s={LINE.replace('.', '0')}&d=3",
    "OpenSudoku": f'<?xml version="1.0"?>\n<opensudoku>\n<game data="{LINE.replace(".", "0")}" />\n</opensudoku>',
    "Hodoku's library": f":0000:x:{LINE}:::::",
    "Simple Sudoku": "*-----------*\n" + "\n|---+---+---|\n".join("\n".join(f"|{r[:3]}|{r[3:6]}|{r[6:]}|" for r in ROWS[k : k + 3]) for k in (0, 3, 6)) + "\n*-----------*\nSimple Sudoku",
    "SadMan": f"#ASomeone\n#DA puzzle 2.5 x 3\n#B03-08-2006\n[Puzzle]\n{GRID}\n[State]\n{GRID.replace('.', '1')}",
    "commas": "\n".join(",".join(r) for r in ROWS),
    "tabs": "\n".join("\t".join(r) for r in ROWS),
    "a spreadsheet": "\n".join("\t".join(r).replace(".", "") for r in ROWS),
    "a spreadsheet's csv": "\r\n".join(";".join(r).replace(".", "") for r in ROWS) + "\r\n",
    "a table of markdown": "\n".join("| " + " | ".join(r).replace(".", " ") + " |" for r in ROWS),
    "a table of a page": "<table>" + "\n".join("<tr>" + "".join(f"<td class='c'>{c if c != '.' else '&nbsp;'}</td>" for c in r) + "</tr>" for r in ROWS) + "</table>",
    "JSON": json.dumps(DIGITS),
    "JSON of characters": json.dumps([list(r) for r in ROWS]),
    "JSON with null": json.dumps([[d or None for d in r] for r in DIGITS]),
    "JSON in one list": json.dumps([d for r in DIGITS for d in r]),
    "Python": "board = [\n" + "".join(f"    {r},\n" for r in DIGITS) + "]",
    "rows of lists": "\n".join(f"{r}," for r in DIGITS),
    "NumPy": str(np.array(DIGITS)),
    "JSON lines": json.dumps({"puzzle": LINE, "solution": SOLVED}),
    "full width": GRID.translate({ord(c): ord(c) + 0xFEE0 for c in "123456789."}),
    "full width with spaces": GRID.translate({**{ord(c): ord(c) + 0xFEE0 for c in "123456789"}, ord("."): "\u3000"}),
    "Arabic-Indic digits": GRID.translate({ord(str(d)): chr(0x660 + d) for d in range(1, 10)}),
    "squares": GRID.replace(".", "□"),
    "middle dots": GRID.replace(".", "·"),
    "question marks": GRID.replace(".", "?"),
    "dashes": GRID.replace(".", "-"),
    "en dashes": GRID.replace(".", "–"),
    "minus signs": GRID.replace(".", "−"),
    "no-break spaces": GRID.replace(".", "\u00a0"),
    "numbered rows": "\n".join(f"{i}: {r}" for i, r in enumerate(ROWS, 1)),
    "a quoted mail": "\n".join(f"> {r}" for r in ROWS),
    "a newspaper": f"Sudoku No 4,821 - Fiendish\n\n{GRID}\n\nSolution tomorrow",
    "a code block": f"```\n{GRID}\n```",
    "a string": f'"{LINE}"',
    "two lines": f"{LINE[:40]}\n{LINE[40:]}",
    "a number before": f"1. {LINE}",
    "a rating after": f"{LINE}\t2.6",
    "old line ends": GRID.replace("\n", "\r"),
    "with a border": "┏━━━┓\n" + "\n".join(f"┃{r}┃" for r in ROWS) + "\n┗━━━┛",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_puzzle_is_read_from_text_and_from_a_file(tmp_path: Path, way: str) -> None:
    task, grid = parse_any(WAYS[way])
    assert (task.name, task.format_line(grid)) == ("sudoku-9x9", LINE)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / "puzzle"
        file.write_bytes(WAYS[way].encode(encoding))
        assert parse_any(read_text(file))[1].tolist() == grid.tolist()
        found = read_puzzles(file)
        assert found.puzzles.tolist() == [grid.tolist()]


def test_pencil_marks_keep_the_solution() -> None:
    """A cell with one mark left counts as a digit, so some cells are filled; it is still the same puzzle."""
    task, grid = parse_any(candidates())
    given = np.array(DIGITS).ravel()
    assert (grid[given > 0] == given[given > 0]).all()
    assert task.format_line(task.solve(grid)) == SOLVED


@pytest.mark.parametrize("draw", [boxed, tight, side_by_side, apart, with_gaps])
@pytest.mark.parametrize("end", ["as drawn", "no spaces at the end", "stripped", "indented", "dedented"])
def test_spaces_as_blanks_are_never_read_as_another_puzzle(draw: Callable[[str], list[str]], end: str) -> None:
    finish: dict[str, Callable[[list[str]], str]] = {
        "as drawn": "\n".join,
        "no spaces at the end": lambda rows: "\n".join(row.rstrip() for row in rows),
        "stripped": lambda rows: "\n".join(row.rstrip() for row in rows).strip(),
        "indented": lambda rows: textwrap.indent("\n".join(rows), "  "),
        "dedented": lambda rows: textwrap.dedent("\n".join(rows)),
    }
    lines = [line for line in puzzle_lines("test/sudoku-9x9/minimal") if line[0] in ".123456789"][:60]
    read, refused = 0, 0
    for line in (line.split(",")[0] for line in lines):
        try:
            task, grid = parse_any(finish[end](draw(line)))
        except PuzzleError:
            refused += 1
            continue
        assert task.format_line(grid) == line
        read += 1
    assert read >= 50, refused
    if end == "as drawn":
        assert refused == 0


def test_two_ways_to_read_a_text_are_both_shown() -> None:
    """The first or the last column may be the free one, and both readings have one solution."""
    line = "..9.76.3..6...1..4..1.3...2......827...........5.....1.4...9....7.84..6...2..5..."
    rows = [line[r : r + 9].replace(".", " ").rstrip() for r in range(0, 81, 9)]
    assert max(map(len, rows)) == 9 or all(row.startswith(" ") or not row for row in rows)
    moved = textwrap.dedent("\n".join(rows))
    with pytest.raises(PuzzleError, match="two different puzzles") as caught:
        parse_any(moved)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("puzzle,solution\n2.08300500000050690E+80,2.18369574374153E+80\n", "line 2: .* a spreadsheet rounded"),
        (
            "B.HC..E..\n....E.FI.\n......A..\n.....C..A\n..AED.H..\n.E.FI...G\nDF.......\n...B...C.\n..G....H.",
            "'A' in line 3, character 7 is not a digit",
        ),
        ("\n".join(ROWS[:4] + ["..1Q4.8.."] + ROWS[5:]), "'Q' in line 5, character 4"),
        ("\n".join(ROWS[:4] + ["..154.8."] + ROWS[5:]), "Line 5 has 8 cells, the other rows have 9"),
        ("\n".join(["1..............2"] * 16), "16 Sudokus of 4×4 or one of 16×16"),
        ("\0" * 400, "a file of zero bytes"),
        (f"{LINE}\n{OTHER}", "2 puzzles"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "puzzle.txt"
    file.write_bytes(text.encode())
    with pytest.raises(PuzzleError, match=words):
        parse_any(read_text(file))
    if "2 puzzles" not in words:
        with pytest.raises(PuzzleError) as caught:
            read_puzzles(file)
        assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kaggle.csv", "quizzes,solutions\n{0},{1}\n{2},\n"),
        ("ids.csv", "id,puzzle,solution,clues,difficulty\n1,{0},{1},26,0.0\n2,{2},,24,2.1\n"),
        ("semicolons.csv", "puzzle;solution\n{0};{1}\n{2};\n"),
        ("quoted.csv", '"puzzle", "solution"\n"{0}", "{1}"\n"{2}", ""\n'),
        ("capitals.csv", "Puzzle,Solution\n{0},{1}\n{2},\n"),
        ("unknown.csv", "unsolved,solved\n{0},{1}\n{2},\n"),
        ("titled.csv", "# made by me\npuzzle,solution\n{0},{1}\n{2},\n"),
        ("answers-first.csv", "{1},{0}\n{2},\n"),
        ("comments.sdm", "# comment\n{0} # easy\n\n{2}   \n"),
        ("names.sdm", "{0}  4.2 SomeName\n{2}  7.1 Other\n"),
        ("numbers.txt", "1. {0}\n2. {2}\n"),
        ("old.sdm", "{0}\r{2}\r"),
        ("lines.jsonl", '{{"puzzle": "{0}", "solution": "{1}"}}\n{{"puzzle": "{2}"}}\n'),
    ],
)
def test_collections_are_read_whole(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text.format(LINE, SOLVED, OTHER), newline="")
    found = read_puzzles(tmp_path / name, solve=True)
    assert [found.task.format_line(p) for p in found.puzzles] == [LINE, OTHER]
    assert found.solutions is not None
    assert found.task.format_line(found.solutions[0]) == SOLVED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# #  \n# S  \n  #  \n#  G#\n  # #".replace("# #  \n# S", "# #\n# S", 1), "Row 1 has 3 cells"),
        ("S#   \n\t # #\n  #  \n## G \n     ", "A tab at row 2, column 1"),
        ("S#\n #\nG#", "3 × 2; 3 × 3 to"),
    ],
)
def test_a_maze_is_never_filled_up_or_cut(text: str, words: str) -> None:
    with pytest.raises(PuzzleError, match=words):
        parse_any(text)


def test_a_list_is_a_sudoku_where_it_is_sound_and_arc_elsewhere() -> None:
    assert parse_any(json.dumps(DIGITS))[0].name == "sudoku-9x9"
    assert parse_any("/".join("".join(map(str, row)) for row in DIGITS))[0].name == "sudoku-9x9"
    assert parse_any(json.dumps([[1] * 9] * 9))[0].name == "arc"
    assert parse_any("[[0, 1], [2, 3]]")[0].name == "arc"
    assert parse_any("[[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]")[0].name == "arc"  # many solutions: hardly a puzzle
    assert parse_any("[[1, 2, 3, 4], [3, 4, 0, 0], [2, 0, 4, 0], [4, 0, 0, 1]]")[0].name == "sudoku-4x4"
