"""An error message in a coloured box."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel


class ErrorLabel(QLabel):
    """Takes as many lines as it needs. Hidden without a message."""

    def __init__(self) -> None:
        super().__init__(wordWrap=True, visible=False, objectName="error")

    def show_message(self, message: str) -> None:
        """Show a message; '' hides the label."""
        self.setText(message)
        self.setVisible(bool(message))
