"""Why a text cannot be read as a Sudoku: the character, digit or row at fault, as a PuzzleError."""

from __future__ import annotations

from hrm_model.errors import PuzzleError
from hrm_model.tasks.sudoku.grid import SIZES, VARIANTS, Variant
from hrm_model.tasks.sudoku.reading import ALLOWED, CELLS, Line, Reading, is_separator


def odd_character(text: str, lines: list[Line]) -> PuzzleError | None:
    """The first character that belongs to no Sudoku."""
    several = "\n" in text.strip()
    for line in lines:
        for column, character in enumerate(line.text):
            if character not in ALLOWED and character not in "\"'":
                place = line.start + column
                at = place - text.rfind("\n", 0, place)
                where = f"in line {line.number}, character {at}" if several else f"at character {at}"
                shown = "a tab" if character == "\t" else repr(character)
                return PuzzleError(f"{shown} {where} is not a digit and not a blank. Blanks are . 0 * _ x ? or a space.", place=place)
    return None


def too_large(reading: Reading) -> PuzzleError:
    """The first digit that the board does not have."""
    side = reading.size.side
    cell = next(i for i, c in enumerate(reading.cells) if c.isdigit() and int(c) > side)
    return PuzzleError(
        f"{reading.cells[cell]} at row {cell // side + 1}, column {cell % side + 1} is too large; a {side}×{side} Sudoku has digits 1 to {side}.",
        cell,
        place=reading.places[cell],
    )


def wrong_count(lines: list[Line], size: Variant | None) -> PuzzleError:
    """Too many or too few cells: the row that differs from the others, or how many there are in all."""
    rows = [(line, n) for line in lines if not is_separator(line) and (n := sum(c in CELLS or c == "-" for c in line.text))]
    cells = sum(n for _, n in rows)
    wanted = f"{size.cells} ({size.side}×{size.side})" if size else SIZES
    usual = max({n for _, n in rows}, key=[n for _, n in rows].count, default=0)
    odd = [(line, n) for line, n in rows if n != usual]
    if len(rows) > 3 and len(odd) == 1:
        line, n = odd[0]
        return PuzzleError(f"Line {line.number} has {n} cells, the other rows have {usual}.", place=line.start)
    if len(rows) > 3 and not odd and usual == len(rows):
        titles = ", ".join(v.title for v in VARIANTS)
        return PuzzleError(f"The grid is {usual}×{usual}; Sudokus of {titles} can be read, and others with a map of their regions.")
    return PuzzleError(f"The puzzle has {cells} cells; a Sudoku has {wanted}.")
