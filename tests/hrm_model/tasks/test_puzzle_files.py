from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.generator import generate as generate_mazes
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku import grid as sudoku
from hrm_model.tasks.sudoku.generator import generate
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.layout import parse
from tests.paths import PUBLISHED_DATA

PUZZLES, SOLUTIONS = generate(SUDOKU_9, 3, 30, np.random.default_rng(5))
LINES = [sudoku.format_line(p) for p in PUZZLES]
ROWS = "\n".join(LINES[0][r * 9 : r * 9 + 9] for r in range(9))
SIX = "\n".join(sudoku.format_line(p) for p in generate(sudoku.SUDOKU_6, 2, 14, np.random.default_rng(5))[0])


def drawn_ss(line: str) -> str:
    rows = ["|".join(["", *(line[r * 9 + c : r * 9 + c + 3] for c in (0, 3, 6)), ""]) for r in range(9)]
    return "\n".join(["*-----------*", *rows[:3], "|---+---+---|", *rows[3:6], "|---+---+---|", *rows[6:], "*-----------*", ""])


SDK = f"#AAuthor\n#DA puzzle, with 30 clues\n#LMedium\n[Puzzle]\n{ROWS}\n[State]\n{ROWS.replace('.', '1')}\n"


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.sdk", SDK, 1),
        ("b.sdk", ROWS + "\n", 1),
        ("c.sdm", "\n".join(LINES).replace(".", "0"), 3),
        ("d.ss", drawn_ss(LINES[0]), 1),
        ("e.ss", drawn_ss(LINES[0]).replace(".", "X") + "\n" + drawn_ss(LINES[1]), 2),
        ("f.csv", "source,question,answer,rating\n" + "".join(f"web,{p},{sudoku.format_line(s)},{7}\n" for p, s in zip(LINES, SOLUTIONS, strict=True)), 3),
        ("g.csv", "quizzes,solutions\n" + "".join(f"{p.replace('.', '0')},{sudoku.format_line(s)}\n" for p, s in zip(LINES, SOLUTIONS, strict=True)), 3),
        ("h.csv", 'id;"puzzle"\n' + "".join(f"{i};{p}\n" for i, p in enumerate(LINES)), 3),
        ("i.csv", "".join(f"{p},{sudoku.format_line(s)}\n" for p, s in zip(LINES, SOLUTIONS, strict=True)), 3),
        ("j.txt", "# a comment\n\n" + "\n".join(f"{p}  # easy" for p in LINES), 3),
        ("k.txt", "Grid 01\n" + ROWS + "\nGrid 02\n" + "\n".join(LINES[1][r * 9 : r * 9 + 9] for r in range(9)), 2),
        ("l.txt", sudoku.format_grid(PUZZLES[0], SUDOKU_9) + "\n\n\n" + sudoku.format_grid(PUZZLES[1], SUDOKU_9), 2),
        ("m.txt", "\ufeff" + LINES[0] + "\r\n" + LINES[1] + "\r\n", 2),
    ],
)  # fmt: skip
def test_sudoku_files_as_other_programs_write_them(tmp_path: Path, name: str, text: str, count: int) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    found = read_puzzles(tmp_path / name, solve=True)
    assert (found.puzzles == PUZZLES[:count]).all()
    assert found.solutions is not None
    assert (found.solutions == SOLUTIONS[:count]).all()
    if name == "f.csv":
        assert found.sources == ("web",) * 3
        assert found.ratings is not None
        assert found.ratings.tolist() == [7, 7, 7]
        assert (found[1:].puzzles == PUZZLES[1:]).all()
        assert read_puzzles(tmp_path / name, limit=2).puzzles.shape == (2, 81)
    if name == "h.csv":
        assert read_puzzles(tmp_path / name).solutions is None


def test_six_by_six_lines(tmp_path: Path) -> None:
    (tmp_path / "six.txt").write_text(SIX)
    found = read_puzzles(tmp_path / "six.txt", solve=True)
    assert found.task.name == "sudoku-6x6"
    assert len(found) == 2


MAZES, PATHS = generate_mazes(9, 4, np.random.default_rng(1))


@pytest.mark.parametrize("way", ["lines", "solved lines", "drawn", "csv"])
def test_maze_files(tmp_path: Path, way: str) -> None:
    lines = [maze.format_line(m) for m in MAZES]
    text = {
        "lines": "# a comment about the mazes\n" + "\n".join(lines),
        "solved lines": "\n".join(f"{m},{maze.format_line(p)}" for m, p in zip(lines, PATHS, strict=True)),
        "drawn": "# first\n" + "\n\n# next one\n".join(maze.format_grid(m) for m in MAZES),
        "csv": "source,question,answer,rating\n" + "".join(f"x,{m},{maze.format_line(p)},{(p == 5).sum() + 1}\n" for m, p in zip(lines, PATHS, strict=True)),
    }[way]  # fmt: skip
    (tmp_path / "mazes.txt").write_text(text)
    found = read_puzzles(tmp_path / "mazes.txt", solve=True)
    assert found.task.name == "maze-9x9"
    assert (found.puzzles == MAZES).all()
    assert found.solutions is not None
    assert (found.solutions == PATHS).all()


def test_published_mazes_have_other_shortest_paths_than_ours_and_are_taken() -> None:
    found = read_puzzles(PUBLISHED_DATA / "csv" / "maze_train.csv")
    assert found.task.name == "maze-30x30"
    assert found.ratings is not None
    assert found.ratings.tolist() == [49, 48, 40, 42]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", LINES[0] + "\n" + LINES[0][:-1], "line 2: The puzzle has 80 cells"),
        ("a.csv", f"question,answer\n{LINES[0]},{LINES[0]}\n", "line 2: the answer is not a solution"),
        ("a.csv", f"puzzle\n{LINES[0]}\n{'11' + '.' * 79}\n", "line 3: 1 appears twice"),
        ("a.csv", f"puzzle\n{LINES[0]}\n{LINES[0][:-1]}@\n", r"line 3: '@' at character 81"),
        ("a.txt", "." * 81, "line 1: The puzzle has several solutions"),
        ("a.txt", "", "contains no puzzle"),
        ("a.txt", "\n# nothing\n\n", "contains no puzzle"),
        ("a.sdk", "\n".join(ROWS.split("\n")[:8]), "line 1: The puzzle has 72 cells"),
        ("a.txt", "x" * 60_000, "line 1 has more than 50,000"),
        ("a.txt", "S #\n  #\n##G", "line 1: There is no way"),
        ("a.csv", f"puzzle\n{LINES[0]}\n\"{LINES[0]}", None),
    ],
)  # fmt: skip
def test_bad_files_are_named_with_the_line(tmp_path: Path, name: str, text: str, words: str | None) -> None:
    (tmp_path / name).write_text(text)
    if words is None:
        read_puzzles(tmp_path / name)
        return
    with pytest.raises(ValueError, match=words) as caught:
        read_puzzles(tmp_path / name, solve=True)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_files_that_are_not_text_or_missing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x00\x01\xff\xfe" * 50)
    for file in (tmp_path / "a.txt", tmp_path / "none.txt", tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            read_puzzles(file)


def test_thousands_of_damaged_files_give_puzzles_or_one_sentence(tmp_path: Path) -> None:
    """Bytes changed, lost and doubled in files of every kind: a ValueError that names the file, or puzzles that keep the rules."""
    chance = random.Random(7)
    kinds = [
        ("a.sdk", SDK), ("b.ss", drawn_ss(LINES[0])), ("c.sdm", "\n".join(LINES)), ("d.csv", (PUBLISHED_DATA / "csv" / "maze_train.csv").read_text()),
        ("e.csv", f"source,question,answer,rating\nx,{LINES[0]},{sudoku.format_line(SOLUTIONS[0])},3\n"), ("f.txt", maze.format_grid(MAZES[0])),
        ("g.txt", "\n".join(f"{maze.format_line(m)},{maze.format_line(p)}" for m, p in zip(MAZES, PATHS, strict=True))),
    ]  # fmt: skip
    told: set[str] = set()
    kept = 0
    for number in range(2100):
        name, text = kinds[number % len(kinds)]
        data = bytearray(text.encode())
        for _ in range(chance.choice((1, 1, 2, 8, 50))):
            at = chance.randrange(len(data))
            if chance.random() < 0.4:
                data[at] = chance.choice((0, 9, 10, 13, 32, 34, 35, 42, 44, 45, 46, 49, 57, 71, 83, 111, 124, 255, chance.randrange(256)))
            elif chance.random() < 0.5:
                del data[at : at + chance.randrange(1, 30)]
            else:
                data[at:at] = data[at : at + chance.randrange(1, 200)]
            if not data:
                data = bytearray(b" ")
        file = tmp_path / f"{number}{name[1:]}"
        file.write_bytes(data)
        try:
            found = read_puzzles(file)
        except ValueError as error:
            told.add(str(error))
            continue
        kept += 1
        assert found.task.sound(found.puzzles).all()
        assert found.solutions is None or found.task.right(found.solutions, found.puzzles, None).all()
    assert kept > 50
    assert len(told) > 200
    assert all(re.match(rf"{tmp_path}/\d+\.\w+(, line \d+)?: [^\n]+$", message) for message in told), told


def test_solving_many_at_once_reports_the_invalid_ones() -> None:
    task = task_named("sudoku-9x9")
    several, none = np.zeros(81, np.int8), parse("12345678." + "........9" + "." * 63)
    solved, fine = task.solve_all(np.stack([PUZZLES[0], several, none, PUZZLES[1]]))
    assert fine.tolist() == [True, False, False, True]
    assert (solved[[0, 3]] == SOLUTIONS[:2]).all()
