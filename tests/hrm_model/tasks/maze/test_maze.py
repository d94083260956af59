from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrm_model.errors import PuzzleError
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.generator import generate
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from tests.paths import PUBLISHED_DATA

PUBLISHED = PUBLISHED_DATA / "csv" / "maze_train.csv"

TWO_WAYS = "S  \n # \n  G"  # around the wall, on either side


def plain_distances(grid: np.ndarray, start: int) -> dict[int, int]:
    """Breadth first, cell by cell, as an independent check."""
    side = round(len(grid) ** 0.5)
    found, queue = {start: 0}, [start]
    for cell in queue:
        row, column = divmod(cell, side)
        for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if 0 <= r < side and 0 <= c < side and grid[r * side + c] != maze.WALL and r * side + c not in found:
                found[r * side + c] = found[cell] + 1
                queue.append(r * side + c)
    return found


@given(st.integers(3, 9), st.integers(0, 2**32 - 1), st.floats(0, 0.7))
def test_distances_are_those_of_a_plain_search(side: int, seed: int, walls: float) -> None:
    rng = np.random.default_rng(seed)
    grids = np.where(rng.random((4, side * side)) < walls, maze.WALL, maze.OPEN)
    starts = rng.integers(side * side, size=4)
    grids[np.arange(4), starts] = maze.OPEN
    moves, _ = maze.distances(grids != maze.WALL, starts)
    for grid, start, found in zip(grids, starts, moves, strict=True):
        plain = plain_distances(grid, int(start))
        assert found.tolist() == [plain.get(cell, -1) for cell in range(side * side)]


def test_published_mazes_and_answers_are_read_and_right() -> None:
    with PUBLISHED.open() as stream:
        rows = list(csv.DictReader(stream))
    puzzles = np.stack([maze.parse(row["question"]) for row in rows])
    answers = np.stack([maze.parse(row["answer"]) for row in rows])
    assert puzzles.shape == (4, 900)
    found = maze.shortest_paths(puzzles)
    assert found.length.tolist() == [int(row["rating"]) for row in rows]
    assert maze.is_right(answers, puzzles).all()
    assert [maze.format_line(a) for a in answers] == [row["answer"] for row in rows]
    # These have many shortest paths; ours is another one, and right as well.
    assert not found.unique.any()
    own = np.stack([maze.solve(p) for p in puzzles])
    assert maze.is_right(own, puzzles).all()
    task = task_named("maze-30x30")
    assert task.right(np.stack([own, answers]), puzzles, answers).all()
    assert task.to_tokens(puzzles)[0, :3].tolist() == ["?# SGo".index(c) for c in rows[0]["question"][:3]]


def test_any_shortest_path_is_right_and_nothing_else() -> None:
    puzzle = maze.parse(TWO_WAYS)
    right = ["Soo\n #o\n  G", "S  \no# \nooG"]
    wrong = [
        "Soo\no#o\nooG",
        "S  \n # \n  G",
        "So \n #o\n  G",
        "Soo\n oo\n  G",
        "Soo\n #o\n  o",
        "ooo\n #o\n  G",
        "Soo\n #o\n #G",
        "S o\no# \no G",
    ]
    answers = np.stack([maze.parse(x) for x in right + wrong])
    puzzles = np.broadcast_to(puzzle, answers.shape)
    assert maze.is_right(answers, puzzles).tolist() == [True] * 2 + [False] * len(wrong)
    solution = maze.solve(puzzle)
    assert task_named("maze-3x3").right(answers, puzzles, np.broadcast_to(solution, answers.shape)).tolist() == [True] * 2 + [False] * len(
        wrong
    )
    assert not maze.shortest_paths(puzzle[None]).unique[0]


def test_an_answer_of_noise_is_refused_without_ado() -> None:
    rng = np.random.default_rng(1)
    puzzles, solutions = generate(9, 50, rng)
    noise = rng.integers(0, 6, size=puzzles.shape).astype(np.int8)
    assert not maze.is_right(noise, puzzles).any()
    assert maze.is_right(solutions, puzzles).all()


@pytest.mark.parametrize("side", [5, 10, 11, 16, 30])
def test_generated_mazes_have_one_shortest_path_of_the_asked_length(side: int) -> None:
    least = side * 3 if side > 5 else 7
    puzzles, solutions = generate(side, 40, np.random.default_rng(side), min_path=least, max_path=least + 9)
    found = maze.shortest_paths(puzzles)
    assert found.unique.all()
    assert least <= found.length.min() <= found.length.max() <= least + 9
    assert (found.on_any == (solutions == maze.PATH)).all()
    assert all((maze.solve(p) == s).all() for p, s in zip(puzzles, solutions, strict=True))
    assert len(np.unique(puzzles, axis=0)) == 40
    again, _ = generate(side, 40, np.random.default_rng(side), min_path=least, max_path=least + 9)
    assert (again == puzzles).all()


def test_about_half_of_the_generated_mazes_have_loops() -> None:
    puzzles, _ = generate(11, 200, np.random.default_rng(0))
    cells = (puzzles != maze.WALL).reshape(-1, 11, 11)
    doors = (cells[:, 1:] & cells[:, :-1]).sum((1, 2)) + (cells[:, :, 1:] & cells[:, :, :-1]).sum((1, 2))
    loops = doors - cells.sum((1, 2)) + 1
    assert 60 < (loops > 0).sum() < 140


def test_a_path_that_cannot_be_is_said_so() -> None:
    with pytest.raises(ValueError, match=r"no 5 × 5 maze with a path of 24 to 25 moves"):
        generate(5, 1, np.random.default_rng(0), min_path=24)
    with pytest.raises(ValueError, match="9 to 4"):
        generate(5, 1, np.random.default_rng(0), min_path=9, max_path=4)


def test_symmetries_and_easier_copies_keep_answers_right() -> None:
    rng = np.random.default_rng(3)
    puzzles, solutions = generate(11, 200, rng)
    moved, answers = maze.augment(puzzles, solutions, rng)
    assert maze.is_right(answers, moved).all()
    assert maze.shortest_paths(moved).unique.all()
    assert (moved != puzzles).any(axis=1).mean() > 0.9
    easier, answers = maze.wall_up(puzzles, solutions, rng, 0.5)
    found = maze.shortest_paths(easier)
    assert found.unique.all()
    assert (found.on_any == (answers == maze.PATH)).all()
    assert (found.length == maze.shortest_paths(puzzles).length).all()
    assert 0.35 < (easier == puzzles).all(axis=1).mean() < 0.65
    orders = maze.symmetry(5)
    assert len({tuple(o) for o in orders.tolist()}) == 8
    assert (orders[0] == np.arange(25)).all()


@pytest.mark.parametrize(
    "text",
    ["S #\n  #\n# G", "\n\nS #\n  #\n# G\n", "S.#\n..#\n#.G", "s █\r\n  █\r\n█ E", "S_1\n001\n10G", "S #  ## G"],
)
def test_ways_to_write_a_maze(text: str) -> None:
    task, grid = parse_any(text)
    assert task.name == "maze-3x3"
    assert maze.format_line(grid) == "S #  ## G"


def test_rows_may_have_lost_their_open_cells() -> None:
    text = "\n".join(row.rstrip() for row in maze.format_grid(maze.parse("S   # # # # #   G        ")).split("\n"))
    assert maze.format_line(maze.parse(text)) == "S   # # # # #   G        "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("S#?\n   \n  G", "'\\?' at row 1, column 3"),
        ("S#\n G", "2 × 2"),
        ("S    \n    G", "2 × 5"),
        ("S#G  ", "5 cells in one line"),
        ("#" * 40000, "40,000 characters"),
    ],
)
def test_a_text_that_is_not_a_maze_is_refused(text: str, words: str) -> None:
    with pytest.raises(PuzzleError, match=words):
        maze.parse(text)


@pytest.mark.parametrize(
    ("text", "words", "cell"),
    [
        ("   \n   \n  G", "no start", None),
        ("S S\n   \n  G", "2 start .*the second at row 1, column 3", 2),
        ("S  \n   \n   ", "no goal", None),
        ("S# \n## \n  G", "no way", 8),
    ],
)
def test_a_maze_that_breaks_a_rule_is_refused(text: str, words: str, cell: int | None) -> None:
    with pytest.raises(PuzzleError, match=words) as caught:
        maze.check_puzzle(maze.parse(text))
    assert caught.value.cell == cell
    with pytest.raises(PuzzleError, match=words):
        maze.solve(maze.parse(text))


def test_names_of_tasks() -> None:
    assert task_named("maze-11x11").cells == 121
    assert (task_named("maze-7x12").cells, task_named("maze-7x12").side) == (144, 12)
    for name in ("maze-2x2", "maze-999x999", "sudoku-5x5", "arc9"):
        with pytest.raises(ValueError, match=name):
            task_named(name)


def test_turned_mazes_share_a_class() -> None:
    rng = np.random.default_rng(4)
    puzzles, solutions = generate(11, 300, rng)
    found = maze.symmetry_classes(puzzles)
    assert len(set(found.tolist())) == 300
    assert (maze.symmetry_classes(maze.augment(puzzles, solutions, rng)[0]) == found).all()
