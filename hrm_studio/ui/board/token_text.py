"""Tokens as text for people."""

from __future__ import annotations

from hrm_model.tasks.sudoku.grid import SYMBOLS
from hrm_studio.ui.board.arc import token_name as arc_token_name

_MAZE_NAMES = ("–", "wall", "floor", "start", "goal", "path")


def digit_text(digit: int) -> str:
    """A Sudoku's digit: '7', 'A (10)'."""
    return str(digit) if digit < 10 else f"{SYMBOLS[digit]} ({digit})"


def token_text(task: str, token: int) -> str:
    """The name of a token in that task: a digit, 'wall', 'blue (1)'."""
    if task.startswith("sudoku"):
        return digit_text(token - 1) if token > 1 else "–"
    if task.startswith("maze"):
        return _MAZE_NAMES[token] if token < len(_MAZE_NAMES) else str(token)
    return arc_token_name(token) if task.startswith("arc") else str(token)
