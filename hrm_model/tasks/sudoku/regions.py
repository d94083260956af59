"""The map of a jigsaw's regions in text: it follows the cells, as other programs write it.

| form | for example |
|---|---|
| the cells and the map as two runs of characters, in one line or two, or in one run | `4.....7…. AABBBBBCC…` |
| the cells as rows, and below them the map as rows | nine rows, then nine rows |

Each region has a character of its own (a number where rows are written with spaces or commas), and as many cells as the board has rows.
"""

from __future__ import annotations

import re

from hrm_model.tasks.sudoku.grid import LARGEST, Variant, jigsaw
from hrm_model.tasks.sudoku.reading import Line, drawn, is_aside, lines_of

_RUN = re.compile(r"[^\s,;|\"'`]{16,}")
_FEWEST = 4  # rows


def split(text: str) -> tuple[str, Variant] | None:
    """The text without its map (spaces stand in its place) and the Sudoku that the map makes. None if there is no map."""
    return _in_runs(text) or _in_rows(text)


def _in_runs(text: str) -> tuple[str, Variant] | None:
    kept = re.sub(r"#.*", lambda m: " " * len(m[0]), text)  # all characters keep their places
    runs = [(m.start(), m[0]) for m in _RUN.finditer(kept)]
    boards = [(start, run) for start, run in runs if _side(len(run))]
    if len(boards) == 2 and len(boards[0][1]) == len(boards[1][1]):
        regions = boards[1]
    elif not boards and len(runs) == 1 and len(runs[0][1]) % 2 == 0 and _side(len(runs[0][1]) // 2):
        start, run = runs[0]
        half = len(run) // 2
        regions = (start + half, run[half:])
    else:
        return None
    variant = _variant(list(regions[1].upper()))
    if variant is None:
        return None
    begin, end = regions[0], regions[0] + len(regions[1])
    return text[:begin] + " " * (end - begin) + text[end:], variant


def _in_rows(text: str) -> tuple[str, Variant] | None:
    lines = [line for line in drawn(lines_of(text)) if not _is_title(line.text)]
    if len(lines) % 2 and re.fullmatch(r"\s*(\d+)[\s,x×]+\1\s*", lines[0].text):
        text = _emptied(text, lines[0], lines[0])  # the size of the board
        lines = lines[1:]
    side = len(lines) // 2
    if len(lines) % 2 or not _FEWEST <= side <= LARGEST:
        return None
    rows = [_row(line, side) for line in lines[side:]]
    cells = [cell for row in rows if row for cell in row]
    variant = _variant(cells) if len(cells) == side * side else None
    if variant is None or any(_row(line, side) is None for line in lines[:side]):
        return None
    return _emptied(text, lines[side], lines[-1]), variant


def _emptied(text: str, first: Line, last: Line) -> str:
    """The text with spaces for the characters from one line to another."""
    end = last.start + len(last.text)
    return text[: first.start] + re.sub(r"[^\n]", " ", text[first.start : end]) + text[end:]


def _is_title(line: str) -> bool:
    return is_aside(line) and len(set(re.findall(r"[a-z]{2,}", line))) > 0


def _row(line: Line, side: int) -> list[str] | None:
    words = [word for word in re.split(r"[\s,;|]+", line.text.upper()) if word]
    if len(words) == side:
        return words
    characters = list(re.sub(r"[\s|,;!:+]", "", line.text.upper()))
    return characters if len(characters) == side else None


def _side(cells: int) -> int:
    side = round(cells**0.5)
    return side if side * side == cells and _FEWEST <= side <= LARGEST else 0


def _variant(names: list[str]) -> Variant | None:
    """The Sudoku with these regions; None if they are not a map: a blank, another number of cells, or digits of which no two in a row or column are alike."""
    side = _side(len(names))
    if not side or not all(name.isalnum() for name in names):
        return None
    if any(names.count(name) != side for name in set(names)):
        return None
    rows = [names[k * side : (k + 1) * side] for k in range(side)]
    if all(len(set(line)) == side for line in (*rows, *zip(*rows, strict=True))):
        return None  # a filled board: the solution, not a map
    return jigsaw(names)
