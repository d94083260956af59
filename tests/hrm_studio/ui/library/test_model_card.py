from __future__ import annotations

import pytest
from PySide6.QtGui import QTextCursor, QTextDocument, QTextTable
from pytestqt.qtbot import QtBot

from hrm_model.assets import model_dir
from hrm_studio.theme import DARK, LIGHT, Palette
from hrm_studio.ui.library.model_card import show_card

TEXT = """# A model

Words.

| | |
|---|---|
| width | 96 |
| heads | 3 |

## Figures

| set | solved |
|---|---|
| easy | 99 % |
"""


def tables(document: QTextDocument) -> list[list[list[str]]]:
    found = [frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable)]
    return [[[t.cellAt(row, k).firstCursorPosition().block().text() for k in range(t.columns())] for row in range(t.rows())] for t in found]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_header_that_says_nothing_is_no_row(qtbot: QtBot, palette: Palette) -> None:
    document = QTextDocument()
    show_card(document, TEXT, palette)
    assert tables(document) == [[["width", "96"], ["heads", "3"]], [["set", "solved"], ["easy", "99 %"]]]
    words = document.find("Words")
    assert words.blockFormat().bottomMargin() > 0
    table = document.find("easy").currentTable()
    assert table is not None
    assert table.format().borderBrush().color() == palette.color("border")


def test_a_card_that_ships_keeps_all_its_words(qtbot: QtBot) -> None:
    plain, shown = QTextDocument(), QTextDocument()
    text = (model_dir("sudoku-9x9") / "card.md").read_text(encoding="utf-8")
    plain.setMarkdown(text)
    show_card(shown, text, LIGHT)
    assert shown.toPlainText().split() == plain.toPlainText().split()
    show_card(shown, "", LIGHT)
    assert QTextCursor(shown).atEnd()
