"""Output that can always be printed: where a terminal, pipe or file cannot hold a character, a plain one takes its place."""

from __future__ import annotations

import codecs
import sys

_INSTEAD = str.maketrans(
    {"×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "←": "<-", "±": "+-", "≥": ">=", "≤": "<=", "·": ".", "✓": "ok", "✗": "no",
     "│": "|", "┃": "|", "─": "-", "━": "-", "█": "#", "▏": "|", "▌": "|", "“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "\u202f": " "}
)  # fmt: skip
_JOINTS = "┼╋├┤┬┴┌┐└┘╭╮╰╯"


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if character in _JOINTS:
        return "+"
    made = character.translate(_INSTEAD)
    return made if made.isascii() else made.encode("ascii", "backslashreplace").decode()


def print_anything() -> None:
    """From now on no character makes printing fail, whatever the encoding of standard output and error (ascii, cp1252 …)."""
    codecs.register_error("plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and stream.errors != "plainer":
            stream.reconfigure(errors="plainer")
