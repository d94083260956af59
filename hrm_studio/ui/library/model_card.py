"""Typography of model cards: space between paragraphs, light table lines, and no row for an empty table header."""

from __future__ import annotations

from PySide6.QtGui import QBrush, QTextBlockFormat, QTextCursor, QTextDocument, QTextFrameFormat, QTextTable

from hrm_studio.theme import Palette

_ROOM = 8.0  # points below a paragraph
_PADDING = 4.0


def show_card(document: QTextDocument, text: str, palette: Palette) -> None:
    """Render Markdown into a document."""
    document.setMarkdown(text)
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _set_table(frame, palette)
    block = document.begin()
    while block.isValid():
        cursor = QTextCursor(block)
        if cursor.currentTable() is None:
            room = QTextBlockFormat()
            room.setBottomMargin(_ROOM)
            room.setTopMargin(_ROOM if block.blockFormat().headingLevel() > 1 else 0)
            cursor.mergeBlockFormat(room)
        block = block.next()


def _set_table(table: QTextTable, palette: Palette) -> None:
    # Markdown tables need a header row; remove it if it is empty.
    if table.rows() > 1 and not any(table.cellAt(0, k).firstCursorPosition().block().text().strip() for k in range(table.columns())):
        table.removeRows(0, 1)
    style = table.format()
    style.setBorder(1)
    style.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    style.setBorderBrush(QBrush(palette.color("border")))
    style.setBorderCollapse(True)
    style.setCellPadding(_PADDING)
    style.setTopMargin(_ROOM)
    style.setBottomMargin(_ROOM)
    table.setFormat(style)
