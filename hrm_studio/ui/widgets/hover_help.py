"""Hover help: a label that is a technical term explains itself, and what is long is broken into lines."""

from __future__ import annotations

import html

from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from hrm_studio import glossary

_LINE = 70  # letters; longer help is made rich text, which Qt breaks into lines


def wrapped(words: str) -> str:
    """Plain help that is too long for a line, as a paragraph."""
    if len(max(words.split("\n"), key=len)) <= _LINE or words.startswith("<"):
        return words
    return f"<p>{html.escape(words)}</p>".replace("\n", "<br>")


def explain(root: QWidget) -> None:
    """Give every label below `root` that is a term, and has no help of its own, the term's meaning; break all help into lines."""
    for label in root.findChildren(QLabel):
        if not label.toolTip() and glossary.find(label.text()) is not None:
            label.setToolTip(glossary.tip(label.text().strip().rstrip(":")))
    for button in root.findChildren(QAbstractButton):
        if not button.toolTip() and glossary.find(button.text()) is not None:
            button.setToolTip(glossary.tip(button.text()))
    for widget in root.findChildren(QWidget):
        widget.setToolTip(wrapped(widget.toolTip()))
