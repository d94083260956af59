"""A Sudoku solver that works on many boards at once: naked and hidden singles, then search.

Inside, a board is a column of an array of bits (C cells, M boards; uint16, or uint32 above 16 digits): a digit d is 1 << (d − 1),
0 a blank. With boards last, every step of the logic is a few array operations over all of them.

Large boards with few clues can take any time to search, so a search of one ends after a number of boards; then nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError, SeveralSolutionsError
from hrm_model.tasks.sudoku.grid import SYMBOLS, Grid, Variant, cell_name, check_puzzle

Bits = NDArray[np.uint16] | NDArray[np.uint32]

OPEN, SOLVED, IMPOSSIBLE = 0, 1, 2
_CHUNK = 32  # boards a single puzzle's search looks at together
_TOGETHER = 512  # puzzles solved together
_EFFORT = 400_000  # cells of boards looked at before a search of a board larger than 9×9 ends; some seconds


class Undecided(PuzzleError):
    """A search ended before it had looked at everything."""


def effort(variant: Variant) -> int:
    """How many boards a search of one puzzle looks at; 0: all that there are."""
    return 0 if variant.side <= 9 else _EFFORT // variant.side


def to_bits(grids: ArrayLike, variant: Variant) -> Bits:
    """Digits (M, C) → bits (C, M)."""
    digits = np.asarray(grids).T.astype(np.int64)
    bits = np.where(digits > 0, 1 << np.maximum(digits - 1, 0), 0)
    return bits.astype(np.uint16) if variant.side <= 16 else bits.astype(np.uint32)


def to_digits(bits: Bits) -> NDArray[np.int8]:
    """Bits (C, M) → digits (M, C)."""
    return np.where(bits > 0, np.log2(np.maximum(bits, 1).astype(np.float32)) + 1, 0).astype(np.int8).T


def candidates(bits: Bits, variant: Variant) -> Bits:
    """(C, M) digits that no unit of a blank cell holds yet; 0 for filled cells."""
    used = np.bitwise_or.reduce(bits[variant.units], axis=1)
    row, column, box = variant.units_of.T
    free = ~(used[row] | used[column] | used[box]) & used.dtype.type((1 << variant.side) - 1)
    return np.where(bits > 0, bits.dtype.type(0), free)


def propagate(bits: Bits, variant: Variant) -> tuple[Bits, NDArray[np.int8], Bits]:
    """Fill in naked and hidden singles until none is left. → boards (C, M), status (M,), candidates (C, M) of open boards."""
    boards, status = bits.copy(), np.zeros(bits.shape[1], np.int8)
    left = np.zeros_like(bits)
    active = np.arange(bits.shape[1])
    row, column, box = variant.units_of.T
    full, none, one = (bits.dtype.type(number) for number in ((1 << variant.side) - 1, 0, 1))
    while len(active):
        now = boards[:, active]
        free = candidates(now, variant)
        in_units = free[variant.units]  # (U, side, M)
        once, twice = np.zeros_like(in_units[:, 0]), np.zeros_like(in_units[:, 0])
        for k in range(variant.side):
            twice |= once & in_units[:, k]
            once |= in_units[:, k]
        values = now[variant.units]
        used = np.bitwise_or.reduce(values, axis=1)
        # A digit that stands twice makes the sum of a unit's bits larger than their union.
        bad = (values.sum(axis=1, dtype=np.uint32) != used).any(axis=0)
        bad |= ((once | used) != full).any(axis=0) | ((free == 0) & (now == 0)).any(axis=0)
        hidden = once & ~twice
        single = free & (hidden[row] | hidden[column] | hidden[box])
        bad |= ((single & (single - one)) != 0).any(axis=0)  # one cell would have to be two digits
        naked = np.where((free & (free - one)) == 0, free, none)
        placed = np.where(single > 0, single, naked)
        status[active[bad]] = IMPOSSIBLE
        moved = (placed > 0).any(axis=0) & ~bad
        stays = ~moved & ~bad
        done = stays & (now > 0).all(axis=0)
        status[active[done]] = SOLVED
        left[:, active[stays]] = free[:, stays]
        boards[:, active] = now | np.where(moved, placed, none)
        active = active[moved]
    return boards, status, left


def search(
    bits: Bits,
    owner: NDArray[np.intp],
    variant: Variant,
    limit: int = 1,
    most: int = 0,
    ended: set[int] | None = None,
    seen: NDArray[np.intp] | None = None,
) -> Iterator[tuple[int, Bits]]:
    """Solutions of boards (C, M) as (owner, (C,)); at most `limit` for each owner (boards of one owner are alternatives).

    `most`: boards to look at for each owner, 0 for no end; owners whose search ended so are added to `ended`.
    `seen`: (owners,) counts the boards that were looked at.
    """
    found = np.zeros(int(owner.max(initial=-1)) + 1, np.intp)
    seen = np.zeros_like(found) if seen is None else seen
    chunk = max(_CHUNK, len(found))
    waiting = [(bits, owner)]
    while waiting:
        boards, owners = waiting.pop()
        wanted = found[owners] < limit
        if most:
            spent = seen[owners] >= most
            if ended is not None:
                ended.update(owners[wanted & spent].tolist())
            wanted &= ~spent
        boards, owners = boards[:, wanted], owners[wanted]
        if boards.shape[1] > chunk:
            waiting.append((boards[:, :-chunk], owners[:-chunk]))
            boards, owners = boards[:, -chunk:], owners[-chunk:]
        if not len(owners):
            continue
        np.add.at(seen, owners, 1)
        boards, status, free = propagate(boards, variant)
        for i in np.flatnonzero(status == SOLVED):
            if found[owners[i]] < limit:
                found[owners[i]] += 1
                yield int(owners[i]), boards[:, i]
        still = status == OPEN
        if still.any():
            waiting.append(branch(boards[:, still], owners[still], free[:, still], variant))


def digits_of(bits: Bits, variant: Variant) -> NDArray[np.uint8]:
    """(…) → (side, …): 1 where an entry holds a digit, else 0."""
    shifts = np.arange(variant.side).astype(bits.dtype).reshape(-1, *[1] * bits.ndim)
    return (np.right_shift(bits, shifts) & 1).astype(np.uint8)


def branch(boards: Bits, owners: NDArray[np.intp], free: Bits, variant: Variant) -> tuple[Bits, NDArray[np.intp]]:
    """Each board once for every way to go on: the candidates of one cell, or the places of one digit in a unit, whichever are fewer.

    Without the second kind, some impossible puzzles take minutes.
    """
    index = np.arange(len(owners))
    digits = digits_of(free, variant)  # (side, C, M)
    in_cell = digits.sum(axis=0, dtype=np.uint8)
    in_unit = digits[:, variant.units].sum(axis=2, dtype=np.uint8).reshape(-1, len(owners))  # (side · U, M)
    cell, place = _fewest(in_cell), _fewest(in_unit)
    by_unit = in_unit[place, index] < in_cell[cell, index]
    digit, unit = np.divmod(place, len(variant.units))
    homes = variant.units[unit]  # (M, side)
    board_c, digit_c = np.nonzero(digits[:, cell, index].T & ~by_unit[:, None])
    board_u, home = np.nonzero(digits[digit[:, None], homes, index[:, None]] & by_unit[:, None])
    board = np.concatenate([board_c, board_u])
    at = np.concatenate([cell[board_c], homes[board_u, home]])
    value = np.concatenate([digit_c, digit[board_u]])
    order = np.argsort(board, kind="stable")
    board = board[order]
    children = boards[:, board]
    children[at[order], np.arange(len(board))] = (1 << value[order]).astype(boards.dtype)
    return children, owners[board]


def _fewest(count: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(M,) the row of the smallest count that is not 0."""
    return np.where(count > 0, count, 99).argmin(axis=0)


def solve(grid: ArrayLike, variant: Variant, limit: int = 2, most: int | None = None) -> list[Grid]:
    """Up to `limit` solutions of one puzzle. Undecided if a large board's search ended before, after `most` boards (None: `effort`)."""
    puzzle, ended = np.asarray(grid), set[int]()
    missing = np.setdiff1d(np.arange(1, variant.side + 1), puzzle)
    # Of a large board, finding another solution may take long.
    renamed = (
        limit == 2 and len(missing) > 1 and variant.side > 9
    )  # two digits without a clue can change places: one solution is enough to know another
    bits = to_bits(puzzle[None], variant)
    found = search(bits, np.zeros(1, np.intp), variant, 1 if renamed else limit, effort(variant) if most is None else most, ended)
    solutions = [to_digits(s[:, None])[0] for _, s in found]
    if renamed and solutions:
        first, second = missing[:2]
        swap = np.arange(variant.side + 1, dtype=np.int8)
        swap[first], swap[second] = second, first
        return [solutions[0], swap[solutions[0]]]
    if ended and len(solutions) < limit:
        raise Undecided(
            f"This {variant.title} puzzle has too few clues, or is too hard, to find out here whether it has one solution; fill in more digits."
        )
    return solutions


def count_solutions(grid: ArrayLike, variant: Variant, limit: int = 2) -> int:
    """Number of solutions, counted up to `limit`. Undecided as of `solve`."""
    return len(solve(grid, variant, limit))


def has_one_solution(grid: ArrayLike, variant: Variant, most: int | None = None) -> bool:
    """Whether it is sure that a puzzle has exactly one solution. `most` as of `solve`."""
    try:
        return len(solve(grid, variant, most=most)) == 1
    except Undecided:
        return False


def unique_solution(grid: ArrayLike, variant: Variant) -> Grid:
    """The one solution. PuzzleError if the rules are broken or there is no solution, SeveralSolutionsError if there are more."""
    check_puzzle(grid, variant)
    solutions = solve(grid, variant)
    if not solutions:
        raise PuzzleError("The puzzle has no solution: no digit is repeated, but its blanks cannot all be filled.")
    if len(solutions) > 1:
        cell = int(np.flatnonzero(solutions[0] != solutions[1])[0])
        low, high = (SYMBOLS[digit] for digit in sorted((int(solutions[0][cell]), int(solutions[1][cell]))))
        raise SeveralSolutionsError(
            f"The puzzle has several solutions: {cell_name(cell, variant)} can be {low} or {high}, for example.", cell
        )
    return solutions[0]


def unique_solutions(grids: ArrayLike, variant: Variant) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """(N, C) puzzles → solutions (N, C), and (N,) whether it is sure to be a puzzle's only one."""
    puzzles = np.asarray(grids)
    solutions, count = np.zeros(puzzles.shape, np.int8), np.zeros(len(puzzles), np.intp)
    ended: set[int] = set()
    for start in range(0, len(puzzles), _TOGETHER):
        bits, late = to_bits(puzzles[start : start + _TOGETHER], variant), set[int]()
        for owner, board in search(bits, np.arange(bits.shape[1]), variant, 2, effort(variant), late):
            solutions[start + owner] = to_digits(board[:, None])[0]
            count[start + owner] += 1
        ended |= {start + owner for owner in late}
    count[sorted(ended)] = 0
    return solutions, count == 1
