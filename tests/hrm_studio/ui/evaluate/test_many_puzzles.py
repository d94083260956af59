"""Several puzzles at once: pasted in Explore or in Evaluate, or dropped there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_model.tasks.puzzle_files import count_puzzles
from hrm_studio.main_window import MainWindow
from tests.support.puzzles import STARTER_4
from tests.support.traces import NINE

OTHER = STARTER_4[::-1]
DRAWN = "\n\n".join("\n".join(line[k : k + 4] for k in range(0, 16, 4)) for line in (STARTER_4, OTHER, STARTER_4))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"{STARTER_4}\n{OTHER}\n", 2), (DRAWN, 3), (STARTER_4, 1), ("good morning", 0), ("good\nmorning", 0), (f"{STARTER_4}\nmorning", 0), ("", 0), (f"puzzle,solution\n{NINE},{NINE}\n{NINE},{NINE}\n{NINE},{NINE}", 3),
    ],
)  # fmt: skip
def test_puzzles_of_a_text_are_counted(text: str, count: int) -> None:
    assert count_puzzles(text, 9) == count
    assert count_puzzles(text, 2) == min(2, count)


def test_several_puzzles_pasted_in_explore_are_offered_to_evaluate(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.explore.panel
    QApplication.clipboard().setText(f"{STARTER_4}\n{OTHER}\n")
    panel.paste()
    assert "holds 2 puzzles" in panel.error.text()
    assert panel.evaluate.isVisible()
    panel.evaluate.click()
    page = window.pages["evaluate"]
    assert window.stack.currentWidget() is page
    assert (page.puzzles.task.currentText(), page.puzzles.count.value()) == ("sudoku-4x4", 2)
    page.run()
    qtbot.waitUntil(lambda: not page.running)
    assert len(page.table.rows) == 2
    window.show_page("explore")
    QApplication.clipboard().setText(STARTER_4)
    panel.paste()
    assert panel.evaluate.isHidden()


def test_puzzles_are_pasted_and_dropped_on_evaluate(window: MainWindow, tmp_path: Path) -> None:
    window.show_page("evaluate")
    page = window.pages["evaluate"]
    QApplication.clipboard().setText("good morning")
    window.actions_table.by_name["evaluate_paste"].trigger()
    assert "holds no puzzles" in page.error.text()
    QApplication.clipboard().setText(DRAWN)
    window.actions_table.by_name["evaluate_paste"].trigger()
    assert page.error.text() == ""
    assert page.puzzles.count.value() == 3
    window.drop_text(f"{STARTER_4}\n{OTHER}\n")
    assert page.puzzles.count.value() == 2
    (tmp_path / "mine.txt").write_text(f"{NINE}\n{NINE}\n")
    window.opener.open(tmp_path / "mine.txt")  # a dropped file
    assert window.stack.currentWidget() is page
    assert (page.puzzles.file, page.puzzles.task.currentText()) == (tmp_path / "mine.txt", "sudoku-9x9")
