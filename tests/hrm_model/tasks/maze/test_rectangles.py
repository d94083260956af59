"""Mazes of any height and width: text, shortest paths, faults, symmetries, files, generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrm_model.errors import PuzzleError
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.varied import distances_from_ends, generate_shaped, generate_varied, preferred_paths
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named

WIDE = "S # G\n  #  \n     "
TALL = "S \n #\n# \n G\n  "


def test_a_rectangle_lies_in_the_upper_left_of_a_square() -> None:
    task, grid = parse_any(WIDE)
    assert (task.name, task.side, task.cells) == ("maze-3x5", 5, 25)
    assert (grid.reshape(5, 5)[3:] == maze.OUTSIDE).all()
    assert task.format_line(grid) == "S # G/  #  /     "
    assert task.format_grid(grid) == WIDE
    assert (task.parse(task.format_line(grid)) == grid).all()
    solution = task.solve(grid)
    assert task.format_grid(solution) == "S # G\no # o\nooooo"
    assert task.right(solution[None], grid[None], None).tolist() == [True]
    assert not task.faults(solution, grid).any()


@pytest.mark.parametrize("text", [WIDE, WIDE + "\n", "\n" + WIDE + "\n\n", WIDE.replace("\n", "\r\n"), "S # G/  #  /     "])
def test_blank_lines_around_a_rectangle_are_no_rows(text: str) -> None:
    task, grid = parse_any(text)
    assert task.format_grid(grid) == WIDE


def test_a_tall_rectangle_keeps_its_last_open_row() -> None:
    text = "S  \n # \n#  \n  G\n   \n"
    task, grid = parse_any(text)
    assert task.name == "maze-5x3"
    assert task.format_grid(grid) + "\n" == text


def test_another_shape_than_the_tasks_is_refused() -> None:
    with pytest.raises(PuzzleError, match="3 × 5; 5 × 3 is needed"):
        task_named("maze-5x3").parse(WIDE)
    with pytest.raises(PuzzleError, match="Put / between the rows"):
        maze.parse("S#  G ")


@given(st.integers(3, 9), st.integers(3, 9), st.integers(0, 2**32 - 1))
def test_every_copy_of_a_rectangle_has_its_class_and_its_path(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    puzzles, solutions = generate_shaped((rows, columns), 3, rng, min_path=2)
    assert [maze.shape_of(p) for p in puzzles] == [(rows, columns)] * 3
    copies, answers = maze.augment(puzzles, solutions, rng)
    assert {maze.shape_of(c) for c in copies} <= {(rows, columns), (columns, rows)}
    assert (maze.symmetry_classes(copies) == maze.symmetry_classes(puzzles)).all()
    assert maze.is_right(answers, copies).all()
    assert maze.is_right(solutions, puzzles).all()
    task = task_named(f"maze-{rows}x{columns}")
    assert task.sound(puzzles).all()
    assert all((task.parse(task.format_line(p)) == p).all() for p in puzzles)


def test_mazes_of_drawn_sides_come_in_one_square_and_their_path_is_that_of_solve() -> None:
    puzzles, solutions = generate_varied((4, 12), 200, np.random.default_rng(1), side=15)
    assert puzzles.shape == (200, 225)
    shapes = np.array([maze.shape_of(p) for p in puzzles])
    assert (shapes.min(), shapes.max()) == (4, 12)
    assert 70 < (shapes[:, 0] == shapes[:, 1]).sum() < 145
    to_goal, from_start = distances_from_ends(puzzles)
    marked = preferred_paths(puzzles, to_goal, from_start)
    assert (np.where(marked, maze.PATH, puzzles) == solutions).all()
    for puzzle, solution in zip(puzzles[:40], solutions, strict=False):
        assert (maze.solve(puzzle) == solution).all()
    # Both kinds are there: open halls, in which a square of four cells is open, and corridors with several ways or one.
    assert 0.1 < maze.shortest_paths(puzzles).unique.mean() < 0.9
    again, _ = generate_varied((4, 12), 200, np.random.default_rng(1), side=15)
    assert (again == puzzles).all()


@pytest.mark.parametrize("sides", [(2, 5), (6, 5), (5, 101), (5, 16)])
def test_sides_that_cannot_be_are_refused(sides: tuple[int, int]) -> None:
    with pytest.raises(PuzzleError, match="is possible"):
        generate_varied(sides, 1, np.random.default_rng(0), side=15)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_files_of_rectangles_are_read_in_lines_and_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    puzzles, solutions = generate_shaped(shape, 4, np.random.default_rng(2))
    lines, drawn = tmp_path / "lines.txt", tmp_path / "drawn.txt"
    lines.write_text("\n".join(f"{maze.format_line(p)},{maze.format_line(s)}" for p, s in zip(puzzles, solutions, strict=True)))
    drawn.write_text("\n\n".join(maze.format_grid(p).replace(" ", ".") for p in puzzles) + "\n")
    for file in (lines, drawn):
        found = read_puzzles(file, solve=True)
        assert found.task.name == f"maze-{shape[0]}x{shape[1]}"
        assert (found.puzzles == puzzles).all()
        assert found.solutions is not None
        assert maze.is_right(found.solutions, puzzles).all()


def test_a_maze_is_cut_or_filled_up_to_another_size() -> None:
    grid = maze.parse(WIDE)
    larger = maze.resized(grid, (4, 6))
    assert maze.format_grid(larger) == "S # G \n  #   \n      \n      "
    assert maze.format_grid(maze.resized(larger, (3, 5))) == WIDE
    assert maze.format_grid(maze.resized(grid, (3, 3))) == "S #\n  #\n   "


def test_several_mazes_are_not_one() -> None:
    with pytest.raises(PuzzleError, match="holds 2 mazes"):
        parse_any("S #/  G/   \nS #/  G/   ")
