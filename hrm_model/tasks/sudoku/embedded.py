"""Sudokus inside other text: lists of programs, tables of web pages and documents, links, and lines of puzzle collections.

Each function gives boards as text that `layout.read` reads. Python only; the text must be plain already (`tasks/characters.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hrm_model.errors import PuzzleError
from hrm_model.tasks.sudoku.grid import VARIANTS

_RUN = "0-9.*_xX?"
_SIZES = sorted((variant.cells for variant in VARIANTS), reverse=True)
_SIDES = {variant.side for variant in VARIANTS}
_LARGE = re.compile(r"(?<![\w.*?-])[0-9A-Ya-y.*_?-]{100,}(?![\w.*?-])")
_RUNS = re.compile(rf"(?<![{_RUN}\w])[{_RUN}-]{{16,}}(?![{_RUN}\w])")
_HODOKU = re.compile(r":[0-9a-zA-Z-]*:[^:]*:([0-9.+]+):")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_SPREADSHEET = re.compile(r"(?<![\d.])\d(?:[.,]\d+)?[eE]\+?[1-9]\d(?!\d)")
_NOTHING = {"", "none", "null", "nan", "na", "false", "undefined", " "}


@dataclass(frozen=True)
class LineBoards:
    """What one line holds: a puzzle, its solution if it is there too, and the number after them."""

    puzzle: str
    solution: str = ""
    rating: str = ""


def boards_in(line: str) -> LineBoards | None:
    """A board written out in a line, whatever is around it: a link, a number, a name, quotes, a solution. None if there is no such board."""
    hodoku = _HODOKU.match(line.strip())
    if hodoku:
        board = hodoku[1].replace("+", "")  # a plus marks a cell that was filled while solving
        return LineBoards(board) if len(board) in _SIZES else None
    runs = [(m[0], m.end()) for m in _RUNS.finditer(line)]
    if not any(len(run) in _SIZES for run, _ in runs):
        runs = [(m[0], m.end()) for m in _LARGE.finditer(line)]
    boards = [(run, end) for run, end in runs if len(run) in _SIZES and not run.startswith("--")]
    if not boards:
        return None
    size = max(len(run) for run, _ in boards)
    boards = [(run, end) for run, end in boards if len(run) == size]
    first, end = boards[0]
    if len(boards) > 1 and _is_full(first) and not _is_full(boards[1][0]):
        boards = [boards[1], boards[0]]  # the solution stands first
    solution = boards[1][0] if len(boards) > 1 and _is_full(boards[1][0]) else ""
    rest = line[max(end for _, end in boards[:2]) :].partition("#")[0]
    rating = _NUMBER.search(rest)
    return LineBoards(boards[0][0], solution, rating[0] if rating and abs(float(rating[0])) < 1e6 else "")


def is_one_of_16(lines: list[str]) -> bool:
    """Whether 16 lines of 16 characters are one Sudoku of 16×16, not 16 of 4×4: it has other digits than 1 to 4, or letters."""
    whole = len(lines) == 16 and all(re.fullmatch(r"[0-9A-Pa-pxX.*_?-]{16}", line.strip()) for line in lines)
    return whole and re.search(r"[5-9A-Pa-p]", "".join(lines)) is not None


def _is_full(board: str) -> bool:
    return not set(board) & set(".0*_?-" if len(board) > 81 else ".0*_?-xX")


def refuse_rounded(line: str, number: int) -> None:
    """PuzzleError if a spreadsheet has turned the puzzle into a rounded number."""
    found = _SPREADSHEET.search(line)
    if found:
        raise PuzzleError(
            f"line {number}: {found[0]} is a puzzle that a spreadsheet rounded to a number; its digits are lost. Export the column as text.",
        )


def puzzle_section(text: str) -> str:
    """The text with the lines under [Puzzle] and those before any such head; other lines are emptied (SadMan's files have [State] too)."""
    section = ""
    kept = []
    for line in text.split("\n"):
        head = re.fullmatch(r"\s*\[([A-Za-z]\w*)\]\s*", line)
        section = head[1].lower() if head else section
        kept.append(line if head is None and section in ("", "puzzle") else "")
    return "\n".join(kept)


def boards_in_lists(text: str) -> list[str]:
    """Boards written as lists of a program (JSON, Python, NumPy's print): each as lines of cells with commas between them. [] if there are none."""
    if "[" not in text:
        return []
    groups = [_items(inner) for inner in re.findall(r"\[([^\[\]]*)\]", text)]
    rows = [group for group in groups if group]
    if len(rows) == 1 and len(rows[0]) in _SIDES and all(len(item) == len(rows[0]) for item in rows[0]):
        return ["\n".join(rows[0])]  # a list of rows
    if len(rows) == 1 and len(rows[0]) in _SIZES:
        side = round(len(rows[0]) ** 0.5)
        rows = [rows[0][k : k + side] for k in range(0, len(rows[0]), side)]
    side = len(rows[0]) if rows else 0
    if side not in _SIDES or len(rows) % side or any(len(row) != side for row in rows):
        return []
    return ["\n".join(",".join(item or "." for item in row) for row in rows[k : k + side]) for k in range(0, len(rows), side)]


def _items(inner: str) -> list[str]:
    parts = inner.split(",") if "," in inner else inner.split()
    if parts and not parts[-1].strip():
        parts = parts[:-1]  # a comma at the end
    items = [part.strip().strip("\"'").strip() for part in parts]
    return ["" if item.lower() in _NOTHING else item.removesuffix(".0") if item != ".0" else item for item in items]


def boards_in_markup(text: str) -> list[str]:
    """Boards of HTML tables, and those that stand in an attribute or element of XML. [] if there are none."""
    if "<" not in text:
        return []
    rows = re.findall(r"<tr\b[^>]*>(.*?)</tr\s*>", text, re.DOTALL | re.IGNORECASE)
    cells = [[_inner(cell) for cell in re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]\s*>", row, re.DOTALL | re.IGNORECASE)] for row in rows]
    cells = [row for row in cells if row]
    side = len(cells[0]) if cells else 0
    if side in _SIDES and len(cells) % side == 0 and all(len(row) == side for row in cells):
        return ["\n".join(",".join(cell or "." for cell in row) for row in cells[k : k + side]) for k in range(0, len(cells), side)]
    found = re.findall(rf"[\"'>]\s*({'|'.join(f'[0-9A-Y.]{{{cells}}}' for cells in _SIZES)})\s*[\"'<]", text)
    return [board for board in found if not (_is_full(board) and len(found) > 1)]


def _inner(cell: str) -> str:
    value = re.search(r"value=[\"']?([1-9]\d?|[A-Y])", cell)
    text = re.sub(r"<[^>]*>|&nbsp;|&#160;", "", cell).strip()
    return text or (value[1] if value else "")
