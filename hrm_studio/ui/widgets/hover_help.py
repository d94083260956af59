"""Tooltips: labels that are technical terms get their meaning, and long tooltips are wrapped."""

from __future__ import annotations

import html

from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from hrm_studio import glossary

_LINE = 70  # characters; Qt wraps only rich text, so longer tooltips become that


def wrapped(words: str) -> str:
    """A plain tooltip as rich text, if it is too long for one line."""
    if len(max(words.split("\n"), key=len)) <= _LINE or words.startswith("<"):
        return words
    return f"<p>{html.escape(words)}</p>".replace("\n", "<br>")


def explain(root: QWidget) -> None:
    """Give labels and buttons below `root` that name a glossary term its meaning, unless they have a tooltip. Wrap all tooltips."""
    for label in root.findChildren(QLabel):
        if not label.toolTip() and glossary.find(label.text()) is not None:
            label.setToolTip(glossary.tip(label.text().strip().rstrip(":")))
    for button in root.findChildren(QAbstractButton):
        if not button.toolTip() and glossary.find(button.text()) is not None:
            button.setToolTip(glossary.tip(button.text()))
    for widget in root.findChildren(QWidget):
        widget.setToolTip(wrapped(widget.toolTip()))
