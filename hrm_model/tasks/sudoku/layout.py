"""One drawn, typed or pasted Sudoku → its cells, by one layout for the whole grid.

People write a grid in many ways. Each way here reads *all* rows by the same rule or does not read the text at all:

| layout | a row looks like |
|---|---|
| solid | `53..7....`, `5 3 . | . 7 . | . . .`; the rows may also stand behind each other in one line |
| fields | `5,3,,,7,,,,`, also with tabs, semicolons or `|` between the cells; an empty field is a blank |
| candidates | `5 3 124 …`: a cell of several digits is a blank with its pencil marks |
| columns | `53  7    `: spaces are blanks, so every cell has its column, with or without borders |

Boards above 9×9 have letters or numbers and ways of their own (`large.py`); a jigsaw's map stands behind its cells (`regions.py`).
If a text can be read as different Sudokus, one with exactly one solution wins; if that does not decide, the text is refused with both.

S cells. `read` wants a text that is plain already (`tasks/characters.py`); `parse` makes it so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from hrm_model.errors import PuzzleError
from hrm_model.tasks.characters import plain
from hrm_model.tasks.sudoku import large, regions
from hrm_model.tasks.sudoku.grid import SIZES, VARIANTS, Grid, Variant, conflicts, format_line
from hrm_model.tasks.sudoku.reading import ALLOWED, BLANKS, CELLS, Cells, Line, Reading, is_aside, is_comment, is_separator, lines_of
from hrm_model.tasks.sudoku.reading_errors import odd_character, too_large, wrong_count
from hrm_model.tasks.sudoku.solver import has_one_solution

_LONGEST = 20_000  # characters; a 9×9 grid with all pencil marks has about 1,500
_SHOWN = 90  # characters of a puzzle in a message; a whole 9×9


def read(text: str, size: Variant | None = None) -> Reading:
    """The one Sudoku that a text holds. `size`: only Sudokus of this size.

    PuzzleError names the character at fault and its place, the row of another length, or both Sudokus if there are two ways to read it.
    """
    if len(text) > _LONGEST:
        raise PuzzleError(f"The text has {len(text):,} characters; a Sudoku has {SIZES} cells.")
    jigsaw = regions.split(text)
    if jigsaw is not None:
        text, found = jigsaw
        if size not in (None, found):
            raise PuzzleError(
                "The map of regions behind the cells is not that of the puzzle before."
                if size and size.regions
                else f"This is a jigsaw with a map of its regions; a usual {size.title if size else ''} Sudoku is needed here."
            )
        size = found
    sizes = [size] if size else list(VARIANTS)
    lines = _grid_lines(text)
    small = (reading for way in _WAYS for each in sizes if each.side <= 9 for reading in way(lines, each))
    above = (reading for each in sizes if each.side > 9 for reading in large.readings(lines_of(text), each))
    readings = _distinct(itertools.chain(small, above))
    fitting = [r for r in readings if r.largest <= r.size.side]
    sound = [r for r in fitting if not conflicts(r.grid, r.size).any()]
    if len(sound) > 1:
        return _decided(sound)
    if sound or fitting:
        return (sound or fitting)[0]  # broken rules are reported by the caller
    if not readings and (wrong := large.fault(lines_of(text), size)):
        raise wrong
    odd = odd_character(text, lines) or odd_character(
        text, [n for n in lines_of(text) if not is_comment(n.text) and sum(c in CELLS for c in n.text) > 3]
    )
    if odd:
        raise odd
    if readings:
        raise too_large(readings[0])
    raise wrong_count(lines, size)


def parse(text: str, size: Variant | None = None) -> Grid:
    """A pasted line or grid, in any characters → (S,). PuzzleError as of `read`."""
    return read(plain(text), size).grid


def place_of_cell(text: str, cell: int) -> int | None:
    """The index of a cell's character in a text that `parse` reads; None if it has none."""
    try:
        place = read(plain(text)).places[cell]
    except (PuzzleError, IndexError):
        return None
    return place if place >= 0 else None


def _decided(readings: list[Reading]) -> Reading:
    """Of several sound readings the only one with one solution. PuzzleError shows two if there is none or more than one such."""
    solvable = [r for r in readings if has_one_solution(r.grid, r.size)]
    if len(solvable) == 1:
        return solvable[0]
    first, second = (solvable or readings)[:2]
    one, other = (format_line(reading.grid) for reading in (first, second))
    apart = 0 if len(one) <= _SHOWN else max(0, next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0) - 8)
    one, other = (f"{'…' * (apart > 0)}{line[apart : apart + _SHOWN]}{'…' * (len(line) > apart + _SHOWN)}" for line in (one, other))
    clear = "digits from 1 on and blanks as ." if first.size.side > 9 else "blanks as ."
    raise PuzzleError(f"The text can be read as two different puzzles: {one} or {other}. Write {clear} to make it clear.")


def _distinct(readings: Iterator[Reading]) -> list[Reading]:
    found: dict[tuple[int, str], Reading] = {}
    for reading in readings:
        found.setdefault((reading.size.side, reading.cells), reading)
    return list(found.values())


# Which lines belong to the grid ---------------------------------------------------------------------------------------------


def _grid_lines(text: str) -> list[Line]:
    """The lines between the first and the last with cells; what surrounds a grid goes: titles, comments, quote marks, row numbers.

    Empty lines at both ends stay, as they may be rows without a clue.
    """
    lines = lines_of(text)
    rows = [i for i, line in enumerate(lines) if line.text.strip() and not is_aside(line.text)]
    if rows:
        inside = range(rows[0], rows[-1] + 1)
        drop = {i for i, n in enumerate(lines) if is_comment(n.text) or (i not in inside and is_aside(n.text))}
        lines = [Line(n.number, n.start, "" if i in drop else n.text) for i, n in enumerate(lines)]
    lines = _without_prefix(lines, re.compile(r"\s{0,3}> ?"))
    lines = _without_prefix(lines, re.compile(r"\s*(?:row\s*|r)?\d{1,2}\s?[:.)]\s+", re.IGNORECASE), numbered=True)
    return [
        Line(n.number, n.start, re.sub(r"[\"'`,;]+\s*$|^[\"'`]+", lambda m: " " * len(m[0]), n.text) if _quoted(n.text) else n.text)
        for n in lines
    ]


def _quoted(line: str) -> bool:
    return any(mark in line for mark in "\"'`")


def _without_prefix(lines: list[Line], prefix: re.Pattern[str], numbered: bool = False) -> list[Line]:
    """Lines without a prefix that all of them have, if they have it. `numbered`: it must count 1, 2, 3 …"""
    matches = [(line, prefix.match(line.text)) for line in lines if line.text.strip()]
    if len(matches) < 2 or not all(match for _, match in matches):
        return lines
    if numbered:
        counted = [int(re.sub(r"\D", "", match[0])) for _, match in matches if match]
        if counted != list(range(counted[0], counted[0] + len(counted))) or counted[0] not in (0, 1):
            return lines
    cut = {line.number: match.end() for line, match in matches if match}
    return [Line(n.number, n.start + cut.get(n.number, 0), n.text[cut.get(n.number, 0) :]) for n in lines]


def _dashes_are_blanks(lines: list[Line]) -> bool:
    """Whether - stands for blanks: it does if it stands beside digits in a row."""
    return any("-" in line.text and any(c.isdigit() for c in line.text) for line in lines)


# The layouts ---------------------------------------------------------------------------------------------------------------------


def _reading(size: Variant, rows: list[Cells]) -> Reading:
    cells = [cell for row in rows for cell in row]
    return Reading(size, "".join(c if "1" <= c <= "9" else "." for c, _ in cells), tuple(place for _, place in cells))


def _solid(lines: list[Line], size: Variant) -> Iterator[Reading]:
    """Rows of cells, each written out, whatever stands between them; or all rows behind each other."""
    dashes = _dashes_are_blanks(lines)
    wanted = CELLS | {"-"} if dashes else CELLS
    rows: list[Cells] = []
    raw: list[str] = []
    for line in lines:
        if set(line.text) - ALLOWED:
            return
        cells = [(c, line.start + i) for i, c in enumerate(line.text) if c in wanted]
        if cells and not (is_separator(line) and not (dashes and len(cells) == size.side and "+" not in line.text)):
            rows.append(cells)
            raw.append(line.text.strip())
    lengths = [len(row) for row in rows]
    if sum(lengths) != size.cells:
        return
    whole = lengths == [size.side] * size.side
    written_out = (
        len(rows) == 1
        or any(c in BLANKS + "-" for row in rows for c, _ in row)
        or len(set(lengths[:-1])) <= 1
        and not any(" " in r for r in raw)
    )
    if whole or written_out:
        yield _reading(size, rows)


def _fields(lines: list[Line], size: Variant) -> Iterator[Reading]:
    """Cells with a separator between each two, where an empty field is a blank."""
    for separator in ",;\t|":
        rows: list[Cells] = []
        for line in lines:
            if separator not in line.text or is_separator(line):
                if line.text.strip() and not is_separator(line):
                    break
                continue
            row = _cells_of_fields(line, separator, size.cells if _count(lines) == 1 else size.side)
            if row is None:
                break
            rows.append(row)
        else:
            if sum(map(len, rows)) == size.cells:
                yield _reading(size, rows)


def _count(lines: list[Line]) -> int:
    return sum(bool(line.text.strip()) and not is_separator(line) for line in lines)


def _cells_of_fields(line: Line, separator: str, count: int) -> Cells | None:
    fields: list[tuple[str, int]] = []
    at = line.start
    for field in line.text.split(separator):
        fields.append((field.strip(" \"'"), at + (len(field) - len(field.lstrip(" \"'")))))
        at += len(field) + 1
    if len(fields) > count and not fields[0][0] and separator == "|":
        fields = fields[1:]
    if len(fields) == count + 1 and not fields[-1][0]:
        fields = fields[:-1]
    if len(fields) != count or any(len(f) > 1 or (f and f not in CELLS and f != "-") for f, _ in fields):
        return None
    return [(f or ".", place if f else -1) for f, place in fields]


def _candidates(lines: list[Line], size: Variant) -> Iterator[Reading]:
    """Cells with their pencil marks: several digits are a blank."""
    rows: list[Cells] = []
    some = False
    for line in lines:
        if is_separator(line) or not line.text.strip():
            continue
        tokens = [(m[0], line.start + m.start()) for m in re.finditer(r"[^\s|!:*]+|\*", line.text)]
        tokens = [t for t in tokens if t[0] != "*"] if len(tokens) > size.side else tokens
        if len(tokens) != size.side or not all(t in CELLS or t == "-" or (t.isdigit() and len(set(t)) == len(t)) for t, _ in tokens):
            return
        some = some or any(len(t) > 1 for t, _ in tokens)
        rows.append([(t if len(t) == 1 else ".", place) for t, place in tokens])
    if some and len(rows) == size.side:
        yield _reading(size, rows)


def _columns(lines: list[Line], size: Variant) -> Iterator[Reading]:
    """Spaces as blanks: every cell has its column. Only if no blank is written out."""
    if size.regions or any(set(line.text) - set("123456789 |!:-=+*") for line in lines):
        return
    if any(set(line.text) & set(BLANKS) for line in lines if not is_separator(line)) or _dashes_are_blanks(lines):
        return
    drawn = [line for line in lines if not is_separator(line)]
    if not any(c.isdigit() for line in drawn for c in line.text):
        return
    if any("|" in line.text or "!" in line.text for line in drawn):
        yield from _boxed(drawn, size)
    elif not any(":" in line.text for line in drawn):
        yield from _unboxed(drawn, size)


def _boxed(drawn: list[Line], size: Variant) -> Iterator[Reading]:
    """Borders between boxes: cells stand evenly between two borders."""
    rows = [line for line in drawn if line.text.strip()]
    if len(rows) != size.side:
        return
    borders = [[i for i, c in enumerate(line.text) if c in "|!"] for line in rows]
    across, wide = size.side // size.box_width, size.box_width
    longest = borders[-1]
    shift = longest[0] - borders[0][0] if longest and borders[0] else 0
    if shift > 0 and [b + shift for b in borders[0]] == longest:
        rows[0] = _moved(rows[0], shift)  # the text lost the spaces before its first row, as pasting often does
        borders[0] = longest
    if any(found != longest for found in borders):
        return
    left_open = len(longest) < across + 1 and any(line.text[: longest[0]].strip() for line in rows)
    if len(longest) == across + 1:
        edges: list[tuple[int, int | None]] = list(pairwise(longest))
    elif len(longest) == across - 1:
        edges = [(-1, longest[0]), *pairwise(longest), (longest[-1], None)] if longest else []
    elif len(longest) == across:
        edges = [(-1, longest[0]), *pairwise(longest)] if left_open or longest[0] > 0 else [*pairwise(longest), (longest[-1], None)]
    else:
        return
    inner = [right - left - 1 for left, right in edges if right is not None and left >= 0] or [edges[0][1] or 0]
    if len(set(inner)) != 1:
        return
    for stride in (1, 2, 3, 4):
        span = (wide - 1) * stride + 1
        for before in range(inner[0] - span + 1):
            after = inner[0] - span - before
            if abs(before - after) > 1:
                continue
            starts = [right - after - span if left < 0 and right is not None else left + 1 + before for left, right in edges]
            if min(starts) < 0:
                continue
            yield from _at_columns(rows, [start + k * stride for start in starts for k in range(wide)], size, set(longest))


def _unboxed(drawn: list[Line], size: Variant) -> Iterator[Reading]:
    """No borders; there may be a wider gap between boxes, and an empty line between bands."""
    if _count(drawn) == 1:
        (line,) = (n for n in drawn if n.text.strip())
        if len(line.text) == size.cells:
            yield _reading(size, [[(c if c != " " else ".", line.start + i) for i, c in enumerate(line.text)]])
        return
    for rows in itertools.chain.from_iterable(map(_first_row_moved, _row_choices(drawn, size))):
        longest = max(len(line.text) for line in rows)
        padded = len({len(line.text) for line in rows}) == 1
        for stride in (1, 2, 3):
            for gap in (0, 1, 2) if stride > 1 else (0, 1):
                for before in range(-stride, 5):
                    columns = [before + k * stride + k // size.box_width * gap for k in range(size.side)]
                    after = longest - columns[-1] - 1
                    if after > max(1, before, stride - 1) or (padded and after < 0):
                        continue
                    yield from _at_columns(rows, columns, size, set())


def _moved(line: Line, by: int) -> Line:
    return Line(line.number, line.start - by, " " * by + line.text)


def _first_row_moved(rows: list[Line]) -> Iterator[list[Line]]:
    """The rows as they stand, and with the first one further right: pasting often loses the spaces before a text.

    If no row lost the spaces at its end either, nothing was lost.
    """
    yield rows
    longest = max(len(line.text) for line in rows)
    first = next((i for i, line in enumerate(rows) if line.text.strip()), 0)
    if rows[first].start == 0 and not rows[first].text[0].isspace() and any(len(line.text) != longest for line in rows):
        for by in range(1, longest - len(rows[first].text) + 2):
            yield [*rows[:first], _moved(rows[first], by), *rows[first + 1 :]]


def _row_choices(drawn: list[Line], size: Variant) -> Iterator[list[Line]]:
    """Which lines are rows: those with digits; those that are left without the empty lines between bands; or as many as there are rows."""
    filled = [i for i, line in enumerate(drawn) if line.text.strip()]
    if len(filled) == size.side:
        yield [drawn[i] for i in filled]
        return
    bands = size.side // size.box_height
    for rows in (size.side, size.side + bands - 1):
        for first in range(max(0, filled[-1] - rows + 1), min(filled[0], len(drawn) - rows) + 1):
            chosen = drawn[first : first + rows]
            if rows > size.side:
                between = {(size.box_height + 1) * (k + 1) - 1 for k in range(bands - 1)}
                if any(chosen[i].text.strip() for i in between):
                    continue
                chosen = [line for i, line in enumerate(chosen) if i not in between]
            yield chosen


def _at_columns(rows: list[Line], columns: list[int], size: Variant, borders: set[int]) -> Iterator[Reading]:
    """The cells at these columns, if every digit stands in one of them."""
    where = set(columns)
    if any(c != " " and i not in where and i not in borders for line in rows for i, c in enumerate(line.text)):
        return
    cells: list[Cells] = []
    for line in rows:
        here = [(line.text[i] if 0 <= i < len(line.text) else " ", line.start + i) for i in columns]
        cells.append([(c, place) if c.isdigit() else (".", place if 0 <= place - line.start < len(line.text) else -1) for c, place in here])
    yield _reading(size, cells)


_WAYS: tuple[Callable[[list[Line], Variant], Iterator[Reading]], ...] = (_solid, _fields, _candidates, _columns)


# What is wrong with a text that no layout reads ---------------------------------------------------------------------------------
