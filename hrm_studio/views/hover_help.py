"""Hover help for captions: a label that is a technical term explains itself."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from hrm_studio import glossary


def explain(root: QWidget) -> None:
    """Give every label below `root` that is a term, and has no help of its own, the term's meaning."""
    for label in root.findChildren(QLabel):
        if not label.toolTip() and glossary.find(label.text()) is not None:
            label.setToolTip(glossary.tip(label.text().strip().rstrip(":")))
    for button in root.findChildren(QAbstractButton):
        if not button.toolTip() and glossary.find(button.text()) is not None:
            button.setToolTip(glossary.tip(button.text()))
