"""What went wrong, in a box of its own."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel


class ErrorLabel(QLabel):
    """In as many lines as it needs; hidden while nothing is wrong."""

    def __init__(self) -> None:
        super().__init__(wordWrap=True, visible=False, objectName="error")

    def tell(self, words: str) -> None:
        """'' takes it away."""
        self.setText(words)
        self.setVisible(bool(words))
