"""What the readers of Sudoku text share: lines, characters, and one way to read a text.

S cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hrm_model.tasks.sudoku.grid import SYMBOLS, Grid, Variant

BLANKS = ".0_*?xX"
CELLS = frozenset("123456789" + BLANKS)
UPRIGHT = "|!:"
BORDERS = frozenset("-=+" + UPRIGHT)
ALLOWED = CELLS | BORDERS | frozenset(" \t,;")
_VALUES = {symbol: value for value, symbol in enumerate(SYMBOLS)}

_BLANK_ROW = re.compile(r"\s*-(?:\s+-)+\s*")  # blanks as dashes, not a border

Cells = list[tuple[str, int]]  # a character and its place


@dataclass(frozen=True)
class Line:
    """A line of the text: its number from 1, the index of its first character in the text, and its characters."""

    number: int
    start: int
    text: str


@dataclass(frozen=True)
class Reading:
    """A way to read the text. `cells`: a character of SYMBOLS for each cell; `places`: where each stands in the text, -1 if nowhere."""

    size: Variant
    cells: str
    places: tuple[int, ...]

    @property
    def grid(self) -> Grid:
        return np.array([_VALUES[c] for c in self.cells], np.int8)

    @property
    def largest(self) -> int:
        return max(_VALUES[c] for c in self.cells)


def lines_of(text: str) -> list[Line]:
    lines, start = [], 0
    for number, line in enumerate(text.split("\n"), 1):
        lines.append(Line(number, start, line))
        start += len(line) + 1
    return lines


def is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "```", "~~~", "//"))


def is_aside(line: str) -> bool:
    """Whether a line is a comment, the fence of a code block, or a title."""
    if is_comment(line):
        return True
    bare = line.strip()
    letters = sum(c.isalpha() and c not in "xX" for c in bare)
    return letters >= 2 and sum(c in CELLS for c in bare) < max(letters + 1, 9)


def is_separator(line: Line) -> bool:
    """Whether a line is a border between rows."""
    bare = line.text.replace(" ", "").replace("\t", "")
    return bool(bare) and set(bare) <= BORDERS | {"*"} and bool(set(bare) & set("-=+"))


def drawn(lines: list[Line]) -> Iterator[Line]:
    """The lines that are not empty, a comment or a border."""
    return (
        line
        for line in lines
        if line.text.strip() and not is_comment(line.text) and (not is_separator(line) or _BLANK_ROW.fullmatch(line.text))
    )
