"""The climber toward hard puzzles."""

from __future__ import annotations

import numpy as np

from hrm_model.tasks.base import Grid
from hrm_model.tasks.sudoku.classes import symmetry_classes
from hrm_model.tasks.sudoku.generator import generate
from hrm_model.tasks.sudoku.grid import SUDOKU_4, SUDOKU_6, SUDOKU_9, Variant, conflicts, is_solution
from hrm_model.tasks.sudoku.hard import HardPuzzles, climb, guesses
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.tasks.sudoku.rating import rate
from hrm_model.tasks.sudoku.solver import OPEN, branch, count_solutions, propagate, to_bits

INKALA = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."


def rounds(variant: Variant, number: int, **options: object) -> list[HardPuzzles]:
    making = climb(variant, np.random.default_rng(3), chains=24, **options)  # type: ignore[arg-type]
    return [next(making) for _ in range(number)]


def by_hand(puzzle: Grid, variant: Variant) -> int:
    """Boards of the whole tree, level by level."""
    boards, tried = to_bits(puzzle[None], variant), 0
    while True:
        boards, status, free = propagate(boards, variant)
        still = status == OPEN
        if not still.any():
            return tried
        boards, _ = branch(boards[:, still], np.flatnonzero(still), free[:, still], variant)
        tried += boards.shape[1]


def test_guesses_are_the_boards_of_the_whole_tree() -> None:
    puzzles = np.concatenate([generate(SUDOKU_9, 12, None, np.random.default_rng(1))[0], parse(INKALA)[None]])
    found, solutions, count = guesses(puzzles, SUDOKU_9)
    assert found.tolist() == [by_hand(puzzle, SUDOKU_9) for puzzle in puzzles]
    assert found[-1] == found.max() > 50
    assert (count == 1).all()
    assert all(is_solution(solution, puzzle, SUDOKU_9) for solution, puzzle in zip(solutions, puzzles, strict=True))
    assert (found[:-1] > 0).tolist() == [rate(puzzle, SUDOKU_9).level > 2 for puzzle in puzzles[:-1]]  # singles alone need no guess
    none, two = np.zeros((1, 16), np.int8), np.full((1, 16), 1, np.int8)
    assert guesses(none, SUDOKU_4)[2].tolist() == [2]
    assert guesses(two, SUDOKU_4)[2].tolist() == [0]


def test_what_is_found_is_minimal_hard_and_of_classes_of_its_own() -> None:
    found = rounds(SUDOKU_6, 4, least=2)
    puzzles = np.concatenate([each.puzzles for each in found])
    assert len(puzzles) > 5
    for puzzle, solution, needed in zip(
        puzzles, np.concatenate([f.solutions for f in found]), np.concatenate([f.guesses for f in found]), strict=True
    ):
        assert needed >= 2
        assert by_hand(puzzle, SUDOKU_6) == needed
        assert not conflicts(puzzle, SUDOKU_6).any()
        assert is_solution(solution, puzzle, SUDOKU_6)
        assert count_solutions(puzzle, SUDOKU_6) == 1
    for puzzle in puzzles[:8]:
        for clue in np.flatnonzero(puzzle):
            less = puzzle.copy()
            less[clue] = 0
            assert count_solutions(less, SUDOKU_6) == 2
    codes = symmetry_classes(puzzles, SUDOKU_6).tolist()
    assert len(set(codes)) == len(codes)
    assert all((a.puzzles == b.puzzles).all() for a, b in zip(found, rounds(SUDOKU_6, 4, least=2), strict=True))
    unwanted = set(codes[::2])
    others = rounds(SUDOKU_6, 1, least=2, apart=unwanted.__contains__)
    assert others[0].kept_apart > 0
    assert not unwanted & set(symmetry_classes(others[0].puzzles, SUDOKU_6).tolist())


def test_chains_climb() -> None:
    """Puzzles found by climbing need more guesses than random minimal ones."""
    random = guesses(generate(SUDOKU_9, 48, None, np.random.default_rng(5))[0], SUDOKU_9)[0]
    climbed = np.concatenate([each.guesses for each in rounds(SUDOKU_9, 2, least=1)])
    assert np.log1p(climbed).mean() > np.log1p(random[random > 0]).mean()
