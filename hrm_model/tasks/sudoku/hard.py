"""Hard Sudokus, found by climbing: take some clues away, add others, and keep what needs more guesses. NumPy only.

How hard a puzzle is: the guesses of a solver that fills in naked and hidden singles and then tries all digits of one cell, or all places of
a digit in a unit, until it has looked at everything. Many chains climb at once, since the solver works on many boards at a time.

Shapes: N puzzles, C chains, S cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.tasks.base import Grids
from hrm_model.tasks.sudoku.classes import symmetry_classes
from hrm_model.tasks.sudoku.generator import generate, without_clues
from hrm_model.tasks.sudoku.grid import Variant
from hrm_model.tasks.sudoku.solver import search, to_bits, to_digits

CHAINS = 128
_STEPS = 8  # of all chains, then some of them begin anew
_ADDED = 8  # clues added at most in a step
_TEMPERATURES = (0.05, 0.1, 0.15)  # chains differ: how much less (in log guesses) is accepted with a chance of 1/e
_FRESH, _FROM_FOUND = 0.06, 0.12  # chance that a chain begins anew with a new puzzle, or from one found before
_LOOKED_AT = 4  # found puzzles of which a chain takes the hardest


@dataclass(frozen=True)
class HardPuzzles:
    """Puzzles that were found in one round, none of them symmetric to another or to one that was found before."""

    puzzles: Grids  # (N, S) minimal
    solutions: Grids  # (N, S)
    guesses: NDArray[np.intp]  # (N,)
    tried: int  # puzzles looked at in this round
    kept_apart: int  # hard enough, but of a class that was to be kept apart


def guesses(puzzles: Grids, variant: Variant) -> tuple[NDArray[np.intp], Grids, NDArray[np.intp]]:
    """Guesses that each puzzle needs (N,), a solution (N, S), and the number of solutions (N,), up to two.

    With several solutions, guesses are counted until two are found.
    """
    bits = to_bits(puzzles, variant)
    looked, count = np.zeros(len(puzzles), np.intp), np.zeros(len(puzzles), np.intp)
    solutions = np.zeros_like(puzzles)
    for owner, board in search(bits, np.arange(len(puzzles)), variant, limit=2, seen=looked):
        solutions[owner] = to_digits(board[:, None])[0]
        count[owner] += 1
    return looked - 1, solutions, count


def climb(
    variant: Variant, rng: np.random.Generator, *, least: int, apart: Callable[[int], bool] = lambda code: False, chains: int = CHAINS
) -> Iterator[HardPuzzles]:
    """Rounds of climbing without end. `least`: guesses of a puzzle that is kept; `apart`: whether a symmetry class is not wanted.

    The same rng gives the same puzzles.
    """
    now = generate(variant, chains, None, rng)[0]
    score = guesses(now, variant)[0]
    heat = np.resize(_TEMPERATURES, chains)
    found, hardness, known = np.zeros((0, variant.cells), np.int8), np.zeros(0, np.intp), set[int]()
    while True:
        made, solved, needs, tried, dropped = [], [], [], 0, 0
        for _ in range(_STEPS):
            changed, fits = _changed(now, variant, rng)
            tried += int(fits.sum())
            new, solutions, _ = guesses(changed, variant)
            hard = np.flatnonzero(fits & (new >= least))
            for chain, code in zip(hard.tolist(), symmetry_classes(changed[hard], variant).tolist(), strict=True):
                if code in known:
                    continue
                known.add(code)
                if apart(code):
                    dropped += 1
                    continue
                made.append(changed[chain])
                solved.append(solutions[chain])
                needs.append(int(new[chain]))
            gain = np.log1p(new) - np.log1p(score)
            accepted = fits & (rng.random(chains) < np.exp(np.minimum(gain, 0) / heat))
            now, score = np.where(accepted[:, None], changed, now), np.where(accepted, new, score)
        empty = np.zeros((0, variant.cells), np.int8)
        puzzles = np.stack(made) if made else empty
        yield HardPuzzles(puzzles, np.stack(solved) if solved else empty, np.array(needs, np.intp), tried, dropped)
        found, hardness = np.concatenate([found, puzzles]), np.concatenate([hardness, np.array(needs, np.intp)])
        fresh = np.flatnonzero(rng.random(chains) < _FRESH)
        if len(fresh):
            now[fresh] = generate(variant, len(fresh), None, rng)[0]
            score[fresh] = guesses(now[fresh], variant)[0]
        again = np.flatnonzero(rng.random(chains) < _FROM_FOUND) if len(found) else fresh[:0]
        if len(again):
            looked_at = rng.integers(len(found), size=(len(again), _LOOKED_AT))
            best = looked_at[np.arange(len(again)), hardness[looked_at].argmax(axis=1)]
            now[again], score[again] = found[best], hardness[best]


def _changed(puzzles: Grids, variant: Variant, rng: np.random.Generator) -> tuple[Grids, NDArray[np.bool_]]:
    """Puzzles near these (C, S): one or two clues taken away, others added until there is one solution, then made minimal.

    And (C,) whether that worked out.
    """
    boards, chains = puzzles.copy(), len(puzzles)
    index = np.arange(chains)
    for taken in (np.ones(chains, bool), rng.random(chains) < 0.3):
        cell = np.where(boards > 0, rng.random(boards.shape), 2.0).argmin(axis=1)
        boards[index[taken], cell[taken]] = 0
    open_chains = index
    for _ in range(_ADDED + 1):
        pairs: dict[int, list[Grids]] = {}
        for owner, board in search(to_bits(boards[open_chains], variant), np.arange(len(open_chains)), variant, limit=2):
            pairs.setdefault(int(owner), []).append(to_digits(board[:, None])[0])
        several = [(open_chains[owner], both) for owner, both in pairs.items() if len(both) == 2]
        if not several:
            break
        for chain, (one, other) in several:
            differ = np.flatnonzero(one != other)
            cell = differ[rng.integers(len(differ))]
            boards[chain, cell] = (one, other)[rng.integers(2)][cell]
        open_chains = np.array(sorted(chain for chain, _ in several))
    fits = np.ones(chains, bool)
    fits[[chain for chain, _ in several]] = False
    boards[fits] = without_clues(boards[fits], variant, None, rng)
    return boards, fits
