"""A spin box for numbers with a point, which takes a comma for one, and the digits of every script."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QLocale
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox

from hrm_model.tasks.characters import plain


class NumberBox(QDoubleSpinBox):
    """Where a decimal point is a comma, Qt takes the point of 1.5 for one between thousands, and reads 15. Here both are read as 1.5."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.setLocale(QLocale.c())

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        return super().validate(_with_point(text), place)

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(_with_point(text))


def _with_point(text: str) -> str:
    return plain(text).replace(",", ".").replace("\u066b", ".")  # U+066B: the Arabic decimal separator
