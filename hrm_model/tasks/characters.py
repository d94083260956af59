"""Text from anywhere → plain characters: encodings of files, digits of other scripts, the many dashes, spaces and squares that mean a blank.

Python only.
"""

from __future__ import annotations

import codecs
import unicodedata

from hrm_model.errors import PuzzleError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_WIDTH = "\ufeff\u200b\u200c\u200d\u2060\u00ad"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_BLANKS = "·•∙⋅・･◦○◌□▢◻◽⬜☐▫…"  # each stands for one open cell
_DASHES = "–—−‐‑‒―﹣"
_UPRIGHT = "│┃║╎╏┆┇┊┋¦︱｜"
_LEVEL = "─━═╌╍┄┅┈┉"
_JOINTS = "┼╋╬┌┐└┘├┤┬┴╔╗╚╝╠╣╦╩╟╢╤╧╪╫┏┓┗┛┣┫┳┻╂┿╭╮╰╯╒╓╕╖╘╙╛╜╞╡╥╨"


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
    table |= dict.fromkeys(map(ord, _NO_WIDTH), None)
    for characters, plain in ((_SPACES, " "), (_BLANKS, "."), (_DASHES, "-"), (_UPRIGHT, "|"), (_LEVEL, "-"), (_JOINTS, "+")):
        table |= dict.fromkeys(map(ord, characters), plain)
    del table[ord("…")]  # three dots in one character are not one cell
    return table


_PLAIN = _table()


def plain(text: str) -> str:
    """Characters that look alike as one of them: digits of all scripts as 0 to 9, spaces, dashes, borders and empty squares as ASCII.

    Line ends become \\n. Each character stays one character, apart from those without width, which go.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_PLAIN)
    if text.isascii():
        return text
    return "".join(c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text)


def encoding_of(head: bytes, *, whole: bool = True) -> str:
    """The encoding of a text by its first bytes. `whole`: these are all. PuzzleError if it is not text."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            if name == "utf-16" and any(head[i : i + 2] == b"\0\0" for i in range(2, min(len(head), 400), 2)):
                break  # no text holds zeros; this is something else
            return name
    if b"\0" in head:
        for name, zeros, letters in (("utf-16-le", head[1::2], head[0::2]), ("utf-16-be", head[0::2], head[1::2])):
            if len(letters) >= 2 and zeros.count(0) > 0.4 * len(zeros) and sum(9 <= b < 127 for b in letters) > 0.9 * len(letters):
                return name
        raise PuzzleError("This is not text (it holds zero bytes).")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return "cp1252"  # what programs on Windows wrote
    return "utf-8"


def decode(data: bytes) -> str:
    """Bytes of a text → str, whatever its encoding. PuzzleError if it is not text."""
    name = encoding_of(data)
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise PuzzleError(f"This is not text (byte {error.start + 1} is not {name}).") from None
