"""The dataset of an ARC preset is built inside the app."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from hrm_model.folders import home
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.dialogs.build_arc import BuildArcDialog
from tests.paths import PUBLISHED_DATA

TASKS = PUBLISHED_DATA / "arc_tasks"


def test_an_arc_preset_leads_to_its_dataset(window: MainWindow, qtbot: QtBot) -> None:
    window.show_page("train")
    card = window.page("train").cards.cards["arc-agi-1"]  # type: ignore[attr-defined]
    assert not card.start.isVisibleTo(card)
    card.build.click()
    dialog = window.findChild(BuildArcDialog)
    assert dialog is not None
    dialog.go.click()
    assert "choose a folder first" in dialog.error.text()
    dialog.training.setText(str(TASKS / "training"))
    dialog.evaluation.setText(str(TASKS / "evaluation"))
    dialog.copies.setValue(2)
    with qtbot.waitSignal(dialog.built):
        dialog.go.click()
    assert (home() / "datasets" / "arc-agi-1" / "train" / "dataset.json").is_file()
    assert card.start.isVisibleTo(card)
    assert not card.build.isVisibleTo(card)
    assert "not built yet" not in card.rows["data"].text()


def test_tasks_that_cannot_be_read_are_explained(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = BuildArcDialog(tmp_path / "out")
    qtbot.addWidget(dialog)
    dialog.training.setText(str(tmp_path / "nowhere"))
    dialog.evaluation.setText(str(TASKS / "evaluation"))
    dialog.start()
    qtbot.waitUntil(lambda: "nowhere" in dialog.error.text())
    qtbot.waitUntil(lambda: dialog.child is None)
    assert dialog.go.isEnabled()
    assert not (tmp_path / "out").exists()


def test_cancelling_ends_the_process(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = BuildArcDialog(tmp_path / "out")
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.training.setText(str(TASKS / "training"))
    dialog.evaluation.setText(str(TASKS / "evaluation"))
    dialog.copies.setValue(5000)
    dialog.start()
    child = dialog.child
    assert child is not None
    qtbot.waitUntil(lambda: child.pid > 0)
    next(button for button in dialog.findChildren(QPushButton) if button.text() == "Cancel").click()
    assert dialog.child is None
    assert not dialog.isVisible()
