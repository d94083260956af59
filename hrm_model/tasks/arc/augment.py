"""How one ARC task becomes many: turned and mirrored, its colours exchanged, moved on the board; and all that undone again."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from hrm_model.tasks.arc.puzzle import COLOURS, SIDE, ArcPuzzle, ColourGrid, Pair, encode

# The numbers are the published ones, since they stand in the names of a dataset's puzzles.
_INVERSE = (0, 3, 2, 1, 4, 5, 6, 7)


def turned(grid: ColourGrid, number: int) -> ColourGrid:
    """One of the eight ways to lay a rectangle.

    0: as it is, 1: a quarter turn left, 2: half a turn, 3: a quarter turn right, 4: left and right exchanged, 5: top and bottom exchanged,
    6: mirrored at the main diagonal, 7: mirrored at the other diagonal.
    """
    if number < 4:
        return np.rot90(grid, number)
    if number < 6:
        return np.fliplr(grid) if number == 4 else np.flipud(grid)
    return grid.T if number == 6 else np.fliplr(np.rot90(grid))


@dataclass(frozen=True)
class Augmentation:
    """A symmetry of ARC: how a grid is turned or mirrored, and what each colour becomes (0, the background, stays)."""

    dihedral: int = 0
    colours: tuple[int, ...] = tuple(range(COLOURS))

    def __post_init__(self) -> None:
        if not 0 <= self.dihedral < 8 or sorted(self.colours) != list(range(COLOURS)):
            raise ValueError(f"{self} is not a symmetry: it needs a number from 0 to 7 and ten colours, each once")

    def apply(self, grid: ColourGrid) -> ColourGrid:
        return turned(np.array(self.colours, np.int8)[grid], self.dihedral)

    def undo(self, grid: ColourGrid) -> ColourGrid:
        """`undo(apply(grid))` is the grid."""
        return np.argsort(self.colours).astype(np.int8)[turned(grid, _INVERSE[self.dihedral])]

    def name(self, task: str) -> str:
        """The published name of a task's copy: 'd037b0a7_t4_0614732958'."""
        return f"{task}_t{self.dihedral}_{''.join(map(str, self.colours))}"


def parse_name(name: str) -> tuple[str, Augmentation]:
    """A name from identifiers.json → the task's name and the augmentation that made the copy (none for the task itself)."""
    found = re.fullmatch(r"(.+)_t([0-7])_(\d{10})", name)
    if found is None or sorted(found[3]) != list("0123456789"):
        return name, Augmentation()
    return found[1], Augmentation(int(found[2]), tuple(map(int, found[3])))


def random_augmentation(rng: np.random.Generator) -> Augmentation:
    return Augmentation(int(rng.integers(8)), (0, *(rng.permutation(COLOURS - 1) + 1).tolist()))


def augmented(puzzle: ArcPuzzle, by: Augmentation) -> ArcPuzzle:
    """The whole task, each grid treated alike."""

    def pairs(found: tuple[Pair, ...]) -> tuple[Pair, ...]:
        return tuple(Pair(by.apply(p.input), None if p.output is None else by.apply(p.output)) for p in found)

    return ArcPuzzle(puzzle.name, pairs(puzzle.train), pairs(puzzle.test))


def distinct_augmentations(puzzle: ArcPuzzle, count: int, rng: np.random.Generator, attempts: int = 5) -> list[Augmentation]:
    """Up to `count` augmentations whose copies differ from the task and from each other; a very symmetric task has few."""
    seen = {_key(puzzle)}
    found: list[Augmentation] = []
    for _ in range(count * attempts):
        if len(found) == count:
            break
        by = random_augmentation(rng)
        key = _key(augmented(puzzle, by))
        if key not in seen:
            seen.add(key)
            found.append(by)
    return found


def encode_pair(pair: Pair, rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Input and output as (900,) tokens; with `rng` both are moved on the board by the same random way. An unknown output is all padding."""
    row = column = 0
    if rng is not None:
        shapes = [g.shape for g in (pair.input, pair.output) if g is not None]
        row = int(rng.integers(SIDE - max(h for h, _ in shapes) + 1))
        column = int(rng.integers(SIDE - max(w for _, w in shapes) + 1))
    output = np.zeros(SIDE * SIDE, np.uint8) if pair.output is None else encode(pair.output, row, column)
    return encode(pair.input, row, column), output


def _key(puzzle: ArcPuzzle) -> tuple[tuple[tuple[int, ...], bytes], ...]:
    grids = [g for p in (*puzzle.train, *puzzle.test) for g in (p.input, p.output) if g is not None]
    return tuple((g.shape, np.ascontiguousarray(g).tobytes()) for g in grids)
