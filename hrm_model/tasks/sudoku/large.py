"""Sudokus above 9×9 as text. Other programs write their digits in four ways, and each is read for the whole grid or not at all:

| form | digits of 16×16 |
|---|---|
| digits, then letters | `1` to `9`, `A` to `G` |
| letters | `A` to `P` |
| from zero, if blanks are not `0` | `0` to `9`, `A` to `F`; 0 is read as 16 |
| numbers between spaces, commas, semicolons or tabs | `1` to `16`, or `0` to `15` if blanks are not `0` |

Lower case is the same. Blanks are `. 0 _ * ? -`, an empty field between commas, and `x` where it is not a digit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from hrm_model.errors import PuzzleError
from hrm_model.tasks.sudoku.grid import SYMBOLS, VARIANTS, Variant
from hrm_model.tasks.sudoku.reading import Cells, Line, Reading, drawn, is_aside

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXY"
_BLANKS = frozenset(("", ".", "0", "_", "*", "?", "-", "X"))
_SOLID = re.compile(r"[0-9A-Ya-y.*_?-]")
_FEWEST = 10  # cells of a row of these boards

Rows = list[Cells]


def readings(lines: list[Line], size: Variant) -> Iterator[Reading]:
    """All ways to read the lines as a Sudoku of this size."""
    for split in _SPLITS:
        rows = _rows(lines, split, size.side)
        if rows is not None:
            for ways in _NUMBERS if split is not _solid else _CHARACTERS:
                reading = ways([cell for row in rows for cell in row], size)
                if reading is not None:
                    yield reading


def fault(lines: list[Line], size: Variant | None) -> PuzzleError | None:
    """What is wrong with lines that look like a large board but are none; None if they do not look like one."""
    rows = [(line, max((found for split in _SPLITS if (found := split(line, 0)) is not None), key=len)) for line in drawn(lines)]
    rows = [(line, cells) for line, cells in rows if len(cells) >= _FEWEST]
    if len(rows) < _FEWEST:
        return None
    usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    odd = [(line, cells) for line, cells in rows if len(cells) != usual]
    if len(odd) == 1:
        return PuzzleError(f"Line {odd[0][0].number} has {len(odd[0][1])} cells, the other rows have {usual}.", place=odd[0][0].start)
    if odd or len(rows) != usual:
        return None
    if usual not in {v.side for v in VARIANTS}:
        sizes = ", ".join(v.title for v in VARIANTS)
        return PuzzleError(f"The grid is {usual}×{usual}; Sudokus of {sizes} can be read, and others with a map of their regions.")
    if size is not None and size.side != usual:
        return PuzzleError(f"The grid is {usual}×{usual}; a {size.title} Sudoku is needed here.")
    for number, (cell, place) in enumerate(cell for _, cells in rows for cell in cells):
        value = int(cell) if cell.isdigit() else SYMBOLS.find(cell.upper())
        if cell.upper() not in _BLANKS and not 0 <= value <= usual:
            row, column = divmod(number, usual)
            largest = f"{SYMBOLS[usual]} ({usual})"
            return PuzzleError(
                f"{cell} at row {row + 1}, column {column + 1} is too large; a {usual}×{usual} Sudoku has digits 1 to {largest}.",
                number,
                place=place,
            )
    return None


# Cells of a line ---------------------------------------------------------------------------------------------------------


def _solid(line: Line, count: int) -> Cells | None:
    """Every character is a cell; spaces and borders go."""
    bare = line.text.replace("'", " ").replace('"', " ").replace("`", " ")
    if re.search(r"[^0-9A-Ya-y.*_?\s|!:+=,;-]", bare) or re.search(r"[,;]\s*[,;]", bare):
        return None
    return [(m[0], line.start + m.start()) for m in _SOLID.finditer(bare)]


def _words(line: Line, count: int) -> Cells | None:
    """Cells with spaces or borders between them."""
    return [(m[0], line.start + m.start()) for m in re.finditer(r"[^\s|!:,;\"'`]+", line.text)]


def _fields(line: Line, count: int) -> Cells | None:
    """Cells with one separator between each two; an empty field is a blank."""
    separator = max(",;\t", key=line.text.count)
    fields, at = [], line.start
    for field in line.text.split(separator):
        bare = field.strip(" \"'[]")
        fields.append((bare, at + field.find(bare) if bare else -1))
        at += len(field) + 1
    if len(fields) > 1 and not fields[-1][0] and (not count or len(fields) == count + 1):
        fields = fields[:-1]
    return fields if len(fields) > 1 else None


_SPLITS: tuple[Callable[[Line, int], Cells | None], ...] = (_solid, _words, _fields)


def _rows(lines: list[Line], split: Callable[[Line, int], Cells | None], side: int) -> Rows | None:
    """The rows if there are `side` of so many cells, or one line of all; lines before and after may be titles."""
    found = [(line, split(line, side)) for line in drawn(lines)]
    whole = [cells for line, cells in found if cells is not None and len(cells) == side * side]
    if len(whole) == 1 and all(cells is whole[0] or is_aside(line.text) for line, cells in found):
        return whole
    fit = [i for i, (_, cells) in enumerate(found) if cells is not None and len(cells) == side]
    if len(fit) != side or fit != list(range(fit[0], fit[0] + side)):
        return None
    if not all(is_aside(line.text) for i, (line, _) in enumerate(found) if i not in fit):
        return None
    return [found[i][1] or [] for i in fit]


# What the cells say ------------------------------------------------------------------------------------------------------


def _made(cells: Cells, values: list[int | None], size: Variant) -> Reading | None:
    if any(value is None or not 0 <= value <= size.side for value in values):
        return None
    places = tuple(place for _, place in cells)
    return Reading(size, "".join(SYMBOLS[value or 0] for value in values), places)


def _marked(cells: Cells, digits: str) -> bool:
    """Whether a blank is written as something else than 0."""
    return any(cell.upper() in _BLANKS - {"0"} - set(digits) for cell, _ in cells)


def _digits_then_letters(cells: Cells, size: Variant) -> Reading | None:
    if not any(cell.isdigit() and cell != "0" for cell, _ in cells):
        return None  # these are letters alone, or an empty board, which `_letters` reads
    return _made(cells, [0 if c.upper() in _BLANKS else _value(SYMBOLS[: size.side + 1], c) for c, _ in cells], size)


def _letters(cells: Cells, size: Variant) -> Reading | None:
    letters = "." + _LETTERS[: size.side]
    if any(cell.isdigit() and cell != "0" for cell, _ in cells):
        return None
    return _made(cells, [v if (v := _value(letters, c)) else 0 if c.upper() in _BLANKS else None for c, _ in cells], size)


def _characters_from_zero(cells: Cells, size: Variant) -> Reading | None:
    digits = "0" + SYMBOLS[1 : size.side]
    if not _marked(cells, digits) or not any(c == "0" for c, _ in cells):
        return None
    values = [_value(digits, c) if c.upper() not in _BLANKS - {"0"} else -1 for c, _ in cells]
    return _made(cells, _zero_last(values, size.side), size)


def _numbers(cells: Cells, size: Variant) -> Reading | None:
    if not any(len(cell) > 1 for cell, _ in cells):
        return None
    return _made(cells, [0 if c.upper() in _BLANKS else int(c) if c.isdigit() else None for c, _ in cells], size)


def _numbers_from_zero(cells: Cells, size: Variant) -> Reading | None:
    if not any(len(cell) > 1 for cell, _ in cells) or not _marked(cells, "") or not any(c == "0" for c, _ in cells):
        return None
    values = [-1 if c.upper() in _BLANKS - {"0"} else int(c) if c.isdigit() else None for c, _ in cells]
    return _made(cells, _zero_last(values, size.side), size)


def _single_fields(cells: Cells, size: Variant) -> Reading | None:
    """Fields of one character each, some of them empty."""
    if any(len(cell) > 1 for cell, _ in cells) or all(cell for cell, _ in cells):
        return None
    return _digits_then_letters(cells, size) or _letters(cells, size)


def _value(digits: str, character: str) -> int | None:
    value = digits.find(character.upper())
    return value if value >= 0 else None


def _zero_last(values: list[int | None], side: int) -> list[int | None]:
    """Digits from zero as digits from one: 0 becomes the last; -1 is a blank."""
    if any(value is None or value >= side for value in values):
        return [None]
    return [side if value == 0 else max(value or 0, 0) for value in values]


_CHARACTERS = (_digits_then_letters, _letters, _characters_from_zero)
_NUMBERS = (_numbers, _numbers_from_zero, _single_fields)
