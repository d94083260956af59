"""Fuzzy search: the letters in order, with gaps allowed."""

from __future__ import annotations

_START, _NEXT, _GAP = 8.0, 5.0, 0.1  # a word's first letter, a letter right after the one before, each letter skipped


def score(wanted: str, text: str) -> float | None:
    """How well `text` matches `wanted`; higher is better. None if its letters do not all appear in order. Case is ignored.

    Each word of `wanted` may stand anywhere in the text.
    """
    total = 0.0
    for word in wanted.lower().split():
        best = _best(word, text.lower())
        if best is None:
            return None
        total += best
    return total - 0.01 * len(text)


def _best(word: str, text: str) -> float | None:
    found = None
    for start in range(len(text)):
        if text[start] == word[0]:
            value = _from(word, text, start)
            if value is not None and (found is None or value > found):
                found = value
    return found


def _from(word: str, text: str, start: int) -> float | None:
    """The score with the first letter at `start`, and each further letter at its next place, preferably the start of a word."""
    at, total = start, _START if _starts_word(text, start) else 1.0
    for letter in word[1:]:
        after = text.find(letter, at + 1)
        if after < 0:
            return None
        at_word = next((i for i in range(after, len(text)) if text[i] == letter and _starts_word(text, i)), None)
        if after == at + 1:
            at, total = after, total + _NEXT
        elif at_word is not None:
            total += _START - _GAP * (at_word - at - 1)
            at = at_word
        else:
            total += 1.0 - _GAP * (after - at - 1)
            at = after
    return total


def _starts_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()
