"""Boards above 9×9 and jigsaws: text, rules, solver, generator, symmetry classes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hrm_model.config import ModelConfig
from hrm_model.errors import PuzzleError
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.base import Grid
from hrm_model.tasks.puzzle_check import check_puzzle
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.classes import symmetry_classes
from hrm_model.tasks.sudoku.generator import default_clues, generate
from hrm_model.tasks.sudoku.grid import (
    SUDOKU_4,
    SUDOKU_9,
    SUDOKU_12,
    SUDOKU_16,
    SUDOKU_25,
    SYMBOLS,
    VARIANTS,
    Variant,
    conflicts,
    format_grid,
    format_line,
    is_solution,
    jigsaw,
    repeats,
    variant_of_task,
    violations,
)
from hrm_model.tasks.sudoku.ladder import ladder
from hrm_model.tasks.sudoku.layout import parse, place_of_cell
from hrm_model.tasks.sudoku.rating import rate
from hrm_model.tasks.sudoku.solver import Undecided, count_solutions, solve, unique_solution, unique_solutions
from hrm_model.tasks.sudoku.symmetry import augment

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXY"
# A published example of the notation, by Mathimagics in a Sudoku forum.
CELLS = "4.....7...8.....13.9..5..6..3.1482.......2............5.7.....6..829...4........."
MAP = "AABBBBBCCDAABBBBCEDAACCCCCEDAFFFCEEEDAAFFFGGEDDDHFFFGEDHHHHHGGEDHIIIIGGEHHIIIIIGG"
LARGE = [size for size in VARIANTS if size.side > 9]


@cache
def example(size: Variant) -> tuple[Grid, Grid]:
    puzzles, solutions = generate(size, 1, default_clues(size), np.random.default_rng(7))
    return puzzles[0], solutions[0]


def rows(cells: list[str] | str, side: int, between: str = "") -> str:
    return "\n".join(between.join(cells[k : k + side]) for k in range(0, side * side, side))


def test_the_configuration_knows_the_same_sizes() -> None:
    assert ModelConfig(mixer="units", pos_encodings="none").tasks == tuple(size.task for size in VARIANTS)
    assert all(task_named(size.task).vocab_size == size.side + 2 for size in VARIANTS)


@pytest.mark.parametrize("size", LARGE, ids=lambda size: size.task)
def test_every_way_to_write_a_large_board_is_read_as_the_same_puzzle(size: Variant) -> None:
    grid, side = example(size)[0], size.side
    line = format_line(grid)
    numbers = [str(d) if d else "." for d in grid.tolist()]
    forms = {
        "line": line,
        "zeros": line.replace(".", "0"),
        "rows": rows(line, side),
        "lower case": rows(line, side).lower(),
        "a title": "Puzzle 5, hard\n" + rows(line, side),
        "boxes": format_grid(grid, size),
        "dashes": rows(line.replace(".", "-"), side),
        "letters": rows("".join(LETTERS[d - 1] if d else "." for d in grid.tolist()), side),
        "numbers": rows(numbers, side, " "),
        "numbers and zeros": rows([str(d) for d in grid.tolist()], side, "\t"),
        "numbers and borders": "\n".join(f"| {row} |" for row in rows(numbers, side, " ").split("\n")),
        "a table": rows([str(d) if d else "" for d in grid.tolist()], side, ","),
        "a list": str(grid.reshape(side, side).tolist()),
    }
    for name, text in forms.items():
        task, found = parse_any(text)
        assert task.name == size.task, name
        assert found.tolist() == grid.tolist(), name


def test_digits_from_zero_are_read_where_nothing_else_is_possible_and_refused_with_both_where_it_is() -> None:
    grid = example(SUDOKU_16)[0]
    from_zero = "".join("." if not d else "0" if d == 16 else SYMBOLS[d] for d in grid.tolist())
    assert parse(from_zero).tolist() == grid.tolist()  # without the sixteens there is more than one solution
    numbers = rows(["." if not d else str(d % 16) for d in grid.tolist()], 16, " ")
    assert parse(numbers).tolist() == grid.tolist()
    grid = generate(SUDOKU_12, 1, 95, np.random.default_rng(0))[0][0]
    other = np.where(grid == 12, 0, grid)
    assert count_solutions(other, SUDOKU_12) == 1
    with pytest.raises(PuzzleError, match="two different puzzles.*digits from 1 on") as caught:
        parse("".join("." if not d else "0" if d == 12 else SYMBOLS[d] for d in grid.tolist()))
    shown = re.findall(r"…?([0-9A-C.]{90})…?", str(caught.value))
    assert len(shown) == 2
    assert shown[0] in format_line(other)
    assert shown[1] in format_line(grid)


def test_what_is_wrong_with_a_large_board_is_said_with_its_place() -> None:
    line = format_line(example(SUDOKU_16)[0])
    lines = rows(line, 16).split("\n")
    with pytest.raises(PuzzleError, match="Line 5 has 15 cells, the other rows have 16"):
        parse("\n".join([*lines[:4], lines[4][:-1], *lines[5:]]))
    with pytest.raises(PuzzleError, match=r"H at row 2, column 3 is too large; a 16×16 Sudoku has digits 1 to G \(16\)") as caught:
        parse("\n".join([lines[0], lines[1][:2] + "H" + lines[1][3:], *lines[2:]]))
    assert caught.value.place == 17 + 2
    with pytest.raises(PuzzleError, match="11×11"):
        parse("\n".join(["1" + "." * 9 + "B"] * 11))
    task, grid = parse_any("GG" + line[2:])
    with pytest.raises(PuzzleError, match="G appears twice"):
        task.check(grid)
    assert place_of_cell(rows(line, 16), 35) == 35 + 2


def test_16_lines_of_16_are_one_board_or_sixteen_by_what_they_hold(tmp_path: Path) -> None:
    file = tmp_path / "puzzles.txt"
    whole = format_line(example(SUDOKU_16)[0])
    file.write_text(rows(whole, 16))
    read = read_puzzles(file)
    assert (read.task.name, len(read)) == ("sudoku-16x16", 1)
    small, _ = generate(SUDOKU_4, 16, 6, np.random.default_rng(1))
    file.write_text("\n".join(map(format_line, small)))
    read = read_puzzles(file)
    assert (read.task.name, read.puzzles.tolist()) == ("sudoku-4x4", small.tolist())
    file.write_text("\n".join(["1..............2"] * 16))
    with pytest.raises(PuzzleError, match="16 Sudokus of 4×4 or one of 16×16"):
        read_puzzles(file)


def test_files_of_large_boards(tmp_path: Path) -> None:
    puzzles, solutions = generate(SUDOKU_12, 3, 69, np.random.default_rng(2))
    file = tmp_path / "p.txt"
    file.write_text("\n".join(f"{format_line(p)} {format_line(s)} # {n}" for n, (p, s) in enumerate(zip(puzzles, solutions, strict=True))))
    read = read_puzzles(file)
    assert read.solutions is not None
    assert (read.puzzles == puzzles).all()
    assert (read.solutions == solutions).all()
    file.write_text(
        "puzzle,solution\n" + "\n".join(f"{format_line(p, '0')},{format_line(s)}" for p, s in zip(puzzles, solutions, strict=True))
    )
    assert (read_puzzles(file).puzzles == puzzles).all()
    file.write_text("\n\n".join(rows(format_line(p), 12) for p in puzzles))
    assert (read_puzzles(file, solve=True).solutions == solutions).all()


@pytest.mark.parametrize("size", [SUDOKU_16, SUDOKU_25], ids=lambda size: size.task)
def test_rules_and_solver_of_large_boards(size: Variant) -> None:
    puzzle, solution = example(size)
    assert is_solution(solution, puzzle, size)
    assert unique_solution(puzzle, size).tolist() == solution.tolist()
    assert unique_solutions(np.stack([puzzle, np.where(puzzle == 1, 0, puzzle)]), size)[1].tolist()[0]
    broken = solution.copy()
    broken[0], broken[1] = broken[1], broken[0]
    by_hand = sum(max(0, int((broken[u] == d).sum()) - 1) for u in size.units for d in range(1, size.side + 1))
    assert violations(broken, size) == by_hand > 0
    assert repeats(np.stack([broken, solution]), size).tolist() == [True, False]
    assert conflicts(broken, size)[:2].all()
    assert rate(puzzle, size).level in (1, 2, 3, 4, 5, 6, 7)
    several = solve(np.zeros(size.cells, np.int8), size)
    assert len(several) == 2
    assert (several[0] != several[1]).any()
    assert all(is_solution(found, np.zeros(size.cells, np.int8), size) for found in several)


def test_a_search_of_a_large_board_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrm_model.tasks.sudoku.solver._EFFORT", 12)
    puzzle = example(SUDOKU_12)[0].copy()
    puzzle[np.flatnonzero(puzzle)[::4]] = 0
    with pytest.raises(Undecided, match="too few clues"):
        solve(puzzle, SUDOKU_12)
    assert not unique_solutions(puzzle[None], SUDOKU_12)[1].any()
    check = check_puzzle(task_named("sudoku-12x12"), puzzle)
    assert (check.state, check.solution) == ("unknown", None)
    unlimited = example(SUDOKU_9)[0].copy()
    unlimited[np.flatnonzero(unlimited)[::4]] = 0
    assert len(solve(unlimited, SUDOKU_9)) == 2


def test_a_ladder_of_a_large_board_keeps_one_solution() -> None:
    puzzle, solution = example(SUDOKU_12)
    steps, place = ladder(puzzle, solution, SUDOKU_12, np.random.default_rng(0))
    assert steps[place].tolist() == puzzle.tolist()
    assert (np.diff((steps > 0).sum(axis=1)) == 1).all()
    assert count_solutions(steps[0], SUDOKU_12) == 1


# Jigsaws -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        CELLS + MAP,
        f"{CELLS}\n{MAP.lower()}",
        f"{CELLS} {MAP}  # easy",
        "9 9\n" + rows(CELLS.replace(".", "-"), 9, " ") + "\n" + rows([str(LETTERS.index(c) + 1) for c in MAP], 9, " "),
        rows(CELLS, 9) + "\n\n" + rows(MAP, 9),
    ],
)
def test_a_map_behind_the_cells_makes_a_jigsaw(text: str) -> None:
    task, grid = parse_any(text)
    assert task.name == f"sudoku-9x9-{MAP}"
    assert task_named(task.name) == task
    assert format_line(grid) == CELLS
    solution = task.solve(grid)
    size = variant_of_task(task.name)
    assert all(set(solution[unit].tolist()) == set(range(1, 10)) for unit in size.units)
    assert task.parse(task.format_line(grid)).tolist() == grid.tolist()
    assert task.parse(task.format_grid(grid)).tolist() == grid.tolist()
    assert parse_any(task.format_grid(grid))[0] == task
    assert task.parse(CELLS).tolist() == grid.tolist()


def test_a_map_is_not_taken_for_a_solution_nor_a_solution_for_a_map(tmp_path: Path) -> None:
    usual = jigsaw(SUDOKU_9.region_line)
    assert usual == SUDOKU_9
    puzzle, solution = example(SUDOKU_9)
    assert parse_any(f"{format_line(puzzle)} {SUDOKU_9.region_line}")[0].name == "sudoku-9x9"
    file = tmp_path / "p.txt"
    file.write_text(f"{format_line(puzzle)} {format_line(solution)}")
    read = read_puzzles(file)
    assert read.solutions is not None
    assert (read.solutions[0] == solution).all()
    for broken, words in ((MAP.replace("I", "H"), "8 regions"), (MAP[:-1] + "A", "cells"), (MAP[:-1], "80 cells")):
        with pytest.raises(PuzzleError, match=words):
            jigsaw(broken)
    with pytest.raises(PuzzleError, match="not a Sudoku"):
        variant_of_task("sudoku-9x9-AAB")
    with pytest.raises(PuzzleError, match="a usual 9×9 Sudoku is needed"):
        parse(f"{CELLS} {MAP}", SUDOKU_9)
    other = jigsaw("ABCDEFGHI" * 9)
    with pytest.raises(PuzzleError, match="not that of the puzzle before"):
        parse(f"{CELLS} {MAP}", other)


def test_files_of_jigsaws_have_one_map(tmp_path: Path) -> None:
    file = tmp_path / "jigsaws.txt"
    size = jigsaw(MAP)
    puzzles, solutions = generate(size, 2, 36, np.random.default_rng(3))
    task = task_named(size.task)
    file.write_text("\n".join(task.format_line(p) for p in puzzles))
    read = read_puzzles(file, solve=True)
    assert read.task == task
    assert (read.solutions == solutions).all()
    file.write_text(f"{task.format_line(puzzles[0])}\n{CELLS} {'ABCDEFGHI' * 9}")
    with pytest.raises(PuzzleError, match="line 2: The map of regions"):
        read_puzzles(file)


@pytest.mark.parametrize("side", [5, 7, 12])
def test_regions_of_any_number_of_cells(side: int) -> None:
    # Stairs: a region goes on where the one before ended, so it fits no rectangle.
    size = jigsaw([LETTERS[cell // side] if cell < side * (side - 2) else LETTERS[side - 2 + cell % 2] for cell in range(side * side)])
    puzzle, solution = (found[0] for found in generate(size, 1, default_clues(size), np.random.default_rng(4)))
    assert is_solution(solution, puzzle, size)
    task, grid = parse_any(task_named(size.task).format_line(puzzle))
    assert (task.name, grid.tolist()) == (size.task, puzzle.tolist())


def test_classes_and_copies_of_jigsaws() -> None:
    rng, size = np.random.default_rng(5), jigsaw(MAP)
    puzzles, solutions = generate(size, 30, 36, rng)
    moved, answers = augment(puzzles, solutions, size, rng)
    assert (moved != puzzles).any(axis=1).all()
    assert all(is_solution(answer, puzzle, size) for answer, puzzle in zip(answers, moved, strict=True))
    codes = symmetry_classes(puzzles, size)
    assert (symmetry_classes(moved, size) == codes).all()
    assert len(set(codes.tolist())) == 30
    relabelling = random_relabelling(size.task, rng)
    tokens = puzzles[0].astype(int) + 1
    assert relabelling.back(relabelling.apply(tokens)).tolist() == tokens.tolist()


def test_a_class_does_not_depend_on_the_puzzles_beside_it() -> None:
    puzzles, _ = generate(SUDOKU_9, 40, None, np.random.default_rng(8))
    for missing in range(1, 10):
        puzzles = np.concatenate([puzzles, np.where(puzzles[:1] == missing, 0, puzzles[:1])])  # the last one lacks a digit
        alone = [int(symmetry_classes(puzzle[None], SUDOKU_9)[0]) for puzzle in puzzles]
        assert symmetry_classes(puzzles, SUDOKU_9).tolist() == alone


def test_classes_of_large_boards_are_shared_by_copies() -> None:
    rng = np.random.default_rng(6)
    puzzles, solutions = generate(SUDOKU_12, 6, 69, rng)
    moved, _ = augment(puzzles, solutions, SUDOKU_12, rng)
    assert (symmetry_classes(moved, SUDOKU_12) == symmetry_classes(puzzles, SUDOKU_12)).all()
    assert len(set(symmetry_classes(puzzles, SUDOKU_12).tolist())) == 6
