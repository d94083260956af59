from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrm_model.errors import PuzzleError
from hrm_model.tasks.sudoku import solver as sudoku_solver
from hrm_model.tasks.sudoku.generator import default_clues, generate, random_solutions
from hrm_model.tasks.sudoku.grid import (
    SUDOKU_4,
    SUDOKU_6,
    SUDOKU_9,
    VARIANTS,
    Variant,
    check_puzzle,
    format_grid,
    format_line,
    from_tokens,
    is_solution,
    to_tokens,
    violations,
)
from hrm_model.tasks.sudoku.layout import parse, place_of_cell
from hrm_model.tasks.sudoku.rating import TECHNIQUES, Board, rate
from hrm_model.tasks.sudoku.solver import Bits, count_solutions, propagate, solve, unique_solution
from hrm_model.tasks.sudoku.symmetry import augment, fill_blanks, symmetry_codes_4

EASY = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
EASY_SOLVED = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
INKALA = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."


def test_the_rules_of_each_size() -> None:
    for variant in VARIANTS:
        assert variant.units.shape == (3 * variant.side, variant.side)
        assert all(
            sorted(np.concatenate(variant.units[k : k + variant.side])) == list(range(variant.cells))
            for k in (0, variant.side, 2 * variant.side)
        )
    assert SUDOKU_9.peers.shape == (81, 20)


@pytest.mark.parametrize(
    "text",
    [
        EASY,
        EASY.replace("0", "."),
        EASY.replace("0", "_") + "\n",
        EASY.replace("0", " "),
        "\r\n".join(EASY[i : i + 9].replace("0", "*") for i in range(0, 81, 9)),
        "\n".join(" ".join(EASY[i : i + 9].replace("0", "x")) for i in range(0, 81, 9)),
        "\n".join(EASY[i : i + 9].replace("0", " ").rstrip() for i in range(0, 81, 9)),
        format_grid(parse(EASY), SUDOKU_9),
        EASY.replace("0", "-"),
        "\ufeff" + EASY.replace("0", " "),
        ",".join(EASY),
        "\n".join(",".join(EASY[i : i + 9]).replace("0", "") for i in range(0, 81, 9)) + "\n",
        "\n".join(EASY[i : i + 9].replace("0", "\u00a0") for i in range(0, 81, 9)),
        format_grid(parse(EASY), SUDOKU_9, blank=" "),
        "\n".join(line.strip() and line.rstrip() for line in format_grid(parse(EASY), SUDOKU_9, blank=" ").splitlines()),
        "\n".join("| " + line + " |" for line in format_grid(parse(EASY), SUDOKU_9, blank=" ").splitlines() if "+" not in line),
        "\n".join("|".join(EASY[i + k : i + k + 3].replace("0", " ") for k in (0, 3, 6)) for i in range(0, 81, 9)),
        "+---+---+---+\n" + "\n".join("|" + "|".join(EASY[i + k : i + k + 3] for k in (0, 3, 6)) + "|" for i in range(0, 81, 9)),
    ],
)
def test_what_people_paste_is_read(text: str) -> None:
    assert format_line(parse(text), "0") == EASY


def test_a_row_without_clues_may_be_empty() -> None:
    line = "." * 9 + EASY[9:45] + "." * 9 + EASY[54:]
    rows = [line[i : i + 9].replace(".", " ").replace("0", " ") for i in range(0, 81, 9)]
    for text in ("\n".join(rows), "\n".join(row.rstrip() for row in rows) + "\n", "\r\n".join(row.rstrip() for row in rows)):
        assert format_line(parse(text), "0") == line.replace(".", "0")


def test_the_place_of_a_fault_in_the_text() -> None:
    text = "53..7.... | 6..195...\n----\n" + ".98....6@" + "." * 54
    with pytest.raises(PuzzleError, match=r"'@' in line 3, character 9") as caught:
        parse(text)
    assert caught.value.place is not None
    assert text[caught.value.place] == "@"
    good = text.replace("@", "7")
    assert [good[place_of_cell(good, cell) or 0] for cell in (0, 9, 18, 26)] == ["5", "6", ".", "7"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 cells"),
        (EASY[:-1], "80 cells"),
        (EASY + "1", "82 cells"),
        ("9" * 25000, "25,000 characters"),
        (EASY.replace("5", "@", 1), "'@' at character 1"),
        ("12@", "'@' at character 3"),
        ("12\n3a", "'a' in line 2, character 2"),
        ("5" + "0" * 15, "5 at row 1, column 1 is too large"),
    ],
)
def test_what_is_no_puzzle_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(PuzzleError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_a_repeated_digit_is_named_with_both_cells() -> None:
    with pytest.raises(PuzzleError, match="5 appears twice in one row: at row 1, column 1 and at row 1, column 9") as caught:
        check_puzzle(parse("5.......5" + "." * 72), SUDOKU_9)
    assert caught.value.cell == 8


def test_known_puzzles_have_their_known_solution() -> None:
    assert format_line(unique_solution(parse(EASY), SUDOKU_9)) == EASY_SOLVED
    hard = unique_solution(parse(INKALA), SUDOKU_9)
    assert is_solution(hard, parse(INKALA), SUDOKU_9)


def test_none_and_several_solutions_are_told_apart() -> None:
    with pytest.raises(PuzzleError, match="several solutions"):
        unique_solution(np.zeros(81, np.int8), SUDOKU_9)
    # Row 1 lacks only 9, which column 9 holds already.
    with pytest.raises(PuzzleError, match="no solution"):
        unique_solution(parse("12345678." + "........9" + "." * 63), SUDOKU_9)
    assert count_solutions(np.zeros(16, np.int8), SUDOKU_4, limit=300) == 288


@given(st.integers(0, 2**32 - 1), st.sampled_from(VARIANTS))
@settings(max_examples=12, deadline=None)
def test_generated_puzzles_have_one_solution_and_the_clues_asked_for(seed: int, variant: Variant) -> None:
    clues = {9: 30}.get(variant.side, default_clues(variant))
    puzzles, solutions = generate(variant, 4 if variant.side < 20 else 1, clues, np.random.default_rng(seed))
    for puzzle, solution in zip(puzzles, solutions, strict=True):
        assert (puzzle > 0).sum() == clues
        assert [s.tolist() for s in solve(puzzle, variant)] == [solution.tolist()]


def test_minimal_puzzles_lose_their_one_solution_with_any_clue() -> None:
    for variant in (SUDOKU_4, SUDOKU_9):
        puzzle = generate(variant, 1, None, np.random.default_rng(3))[0][0]
        for cell in np.flatnonzero(puzzle):
            less = puzzle.copy()
            less[cell] = 0
            assert count_solutions(less, variant) == 2


def test_a_clue_count_that_no_puzzle_has_is_refused() -> None:
    with pytest.raises(ValueError, match="82 clues"):
        generate(SUDOKU_9, 1, 82, np.random.default_rng(0))
    with pytest.raises(ValueError, match="ask for more clues"):
        generate(SUDOKU_4, 1, 3, np.random.default_rng(0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_symmetric_copies_keep_rules_and_solution(variant: Variant) -> None:
    rng = np.random.default_rng(1)
    puzzles, solutions = generate(variant, 8 if variant.side < 20 else 1, default_clues(variant), rng)
    moved, answers = augment(puzzles, solutions, variant, rng)
    assert (moved != puzzles).any()
    for puzzle, answer in zip(moved, answers, strict=True):
        assert is_solution(answer, puzzle, variant)
        assert count_solutions(puzzle, variant) == 1


def test_easier_copies_only_fill_blanks_with_the_solution() -> None:
    rng = np.random.default_rng(2)
    puzzles, solutions = generate(SUDOKU_9, 50, 36, rng)
    easier = fill_blanks(puzzles, solutions, rng)
    filled = (easier > 0) & (puzzles == 0)
    assert (easier == solutions)[filled].all()
    assert (easier == puzzles)[puzzles > 0].all()
    counts = filled.sum(axis=1)
    assert counts.min() < 12
    assert counts.max() > 33
    assert (fill_blanks(puzzles, solutions, rng, 0.0) == puzzles).all()


def test_symmetry_codes_of_4x4_are_shared_by_copies_alone() -> None:
    rng = np.random.default_rng(5)
    puzzles, solutions = generate(SUDOKU_4, 40, 6, rng)
    moved, _ = augment(puzzles, solutions, SUDOKU_4, rng)
    assert (symmetry_codes_4(puzzles) == symmetry_codes_4(moved)).all()
    assert len(set(symmetry_codes_4(puzzles).tolist())) > 10
    full = random_solutions(SUDOKU_4, 500, rng)
    assert len(set(symmetry_codes_4(full).tolist())) == 2  # the two classes of 4×4 boards


def test_an_impossible_puzzle_is_refuted_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    # Column 4 has no place for some digits; only guessing at them shows it soon (Norvig's "impossible" grid took his solver 24 minutes).
    boards = 0

    def counted(bits: Bits, variant: Variant) -> object:
        nonlocal boards
        boards += bits.shape[1]
        assert boards < 200
        return propagate(bits, variant)

    monkeypatch.setattr(sudoku_solver, "propagate", counted)
    assert solve(parse(".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."), SUDOKU_9) == []
    assert boards > 1


def test_each_technique_strikes_what_it_must_and_nothing_else() -> None:
    def struck(technique: str, allowed: dict[int, set[int]]) -> set[tuple[int, int]]:
        """(cell, digit) that a technique takes away on an empty board whose named cells have these candidates only."""
        board = Board(np.zeros(81, np.int8), SUDOKU_9)
        for cell, digits in allowed.items():
            board.options[cell] = set(digits)
        before = [set(options) for options in board.options]
        assert TECHNIQUES[technique](board)
        return {(cell, digit) for cell in range(81) for digit in before[cell] - board.options[cell]}

    rest = set(range(2, 10))
    # 1 can stand in box 1 only within row 1: not in the rest of row 1.
    assert struck("locked candidates", dict.fromkeys((9, 10, 11, 18, 19, 20), rest)) == {(c, 1) for c in range(3, 9)}
    pair = struck("naked pair", {0: {1, 2}, 8: {1, 2}})
    assert pair == {(c, d) for c in range(1, 8) for d in (1, 2)}
    triple = struck("naked triple", {0: {1, 2}, 4: {2, 3}, 8: {1, 3}})
    assert triple == {(c, d) for c in range(1, 8) if c != 4 for d in (1, 2, 3)}
    hidden = struck("hidden pair", {c: set(range(3, 10)) for c in range(1, 8)})
    assert hidden == {(c, d) for c in (0, 8) for d in range(3, 10)}


def test_ratings() -> None:
    assert rate(parse(EASY_SOLVED), SUDOKU_9).name == "given"
    assert rate(parse(EASY), SUDOKU_9).level <= 2
    assert rate(parse(INKALA), SUDOKU_9).name == "search"
    full = parse(EASY_SOLVED)
    full[[0, 40]] = 0
    assert rate(full, SUDOKU_9).counts == {"naked single": 2}


def test_techniques_never_leave_the_solution() -> None:
    puzzles, solutions = generate(SUDOKU_9, 30, None, np.random.default_rng(4))
    names = set()
    for puzzle, solution in zip(puzzles, solutions, strict=True):
        board = Board(puzzle, SUDOKU_9)
        while (name := next((name for name, step in TECHNIQUES.items() if step(board)), None)) is not None:
            names.add(name)
            assert all(solution[cell] in board.options[cell] for cell in board.blank), name
    assert len(names) >= 4


@given(st.lists(st.integers(0, 9), min_size=81, max_size=81))
@settings(max_examples=30, deadline=None)
def test_violations_are_counted_as_by_hand(cells: list[int]) -> None:
    grid = np.array(cells, np.int8)
    by_hand = sum(max(0, int((grid[u] == d).sum()) - 1) for u in SUDOKU_9.units for d in range(1, 10))
    assert violations(grid, SUDOKU_9) == by_hand


def test_tokens_and_lines_round_trip() -> None:
    grid = parse(EASY)
    assert (from_tokens(to_tokens(grid)) == grid).all()
    assert is_solution(parse(EASY_SOLVED), grid, SUDOKU_9)
    assert SUDOKU_6.task == "sudoku-6x6"


def test_symmetric_puzzles_share_a_class_and_others_do_not() -> None:
    from hrm_model.tasks.registry import task_named
    from hrm_model.tasks.sudoku.classes import symmetry_classes
    from hrm_model.tasks.sudoku.symmetry import symmetry_codes_4

    rng = np.random.default_rng(0)
    for variant, clues in ((SUDOKU_9, 30), (SUDOKU_9, 45), (SUDOKU_6, 14)):
        puzzles, solutions = generate(variant, 300, clues, rng)
        found = symmetry_classes(puzzles, variant)
        assert len(set(found.tolist())) == 300
        for _ in range(3):
            moved, _ = augment(puzzles, solutions, variant, rng)
            assert (symmetry_classes(moved, variant) == found).all()
        # One clue less, and one digit exchanged for another, are other puzzles.
        less = puzzles.copy()
        less[np.arange(300), (puzzles > 0).argmax(axis=1)] = 0
        assert not set(symmetry_classes(less, variant).tolist()) & set(found.tolist())
    # Compared with the exact code for 4×4 boards: equal puzzles get equal numbers, and nearly all others different ones.
    puzzles, _ = generate(SUDOKU_4, 1000, 6, rng)
    exact, refined = symmetry_codes_4(puzzles).tolist(), symmetry_classes(puzzles, SUDOKU_4).tolist()
    assert len(set(zip(exact, refined, strict=True))) == len(set(exact))
    assert len(set(refined)) > 0.98 * len(set(exact))
    assert task_named("sudoku-6x6").held_out(generate(SUDOKU_6, 400, 14, rng)[0]).mean() == pytest.approx(0.2, abs=0.06)


def test_what_a_comment_tells_is_left_out() -> None:
    from hrm_model.tasks.read import parse_any

    line = "1" + "." * 15
    for text in (line, f"{line} # Golden Nugget, 2 of 9", f"# easy\n{line}\n"):
        task, grid = parse_any(text)
        assert task.name == "sudoku-4x4"
        assert format_line(grid) == line
