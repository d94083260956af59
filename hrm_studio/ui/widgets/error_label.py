"""Messages that wrap to their whole length, and an error message in a coloured box."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel

_LONGEST = 16  # letters of a word that are never divided
_BREAK = "\u200b"  # a space without width, at which a line may end


class MessageLabel(QLabel):
    """Plain text that takes as many lines as it needs: long words, such as paths, are divided. `text()` is the text as it was given."""

    def __init__(self, name: str = "") -> None:
        super().__init__(wordWrap=True, objectName=name, textFormat=Qt.TextFormat.PlainText)
        self._message = ""

    def text(self) -> str:
        return self._message

    def setText(self, message: str) -> None:
        self._message = message
        super().setText(divisible(message))
        self.setAccessibleName(message)


class ErrorLabel(MessageLabel):
    """Hidden without a message. The window closes it with Esc, and when another page is opened.

    Signals
    -------
    closed()    the message is gone
    """

    closed = Signal()

    def __init__(self) -> None:
        super().__init__("error")
        self.hide()

    def show_message(self, message: str) -> None:
        """Show a message; '' hides the label."""
        self.setText(message)
        self.setVisible(bool(message))
        if not message:
            self.closed.emit()


def divisible(message: str) -> str:
    """The message with places in its long words where a line may end."""
    return re.sub(rf"\S{{{_LONGEST + 1},}}", lambda word: re.sub(rf"[^\w\s]|\w{{{_LONGEST}}}", rf"\g<0>{_BREAK}", word[0]), message)
