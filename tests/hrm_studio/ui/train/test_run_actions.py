"""Actions on a run, and the messages if they fail."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from hrm_studio.models.runs import RunsModel
from hrm_studio.ui.train.run_actions import RunActions
from hrm_studio.ui.widgets.undo_bar import UndoBar


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "Make the folder writable"), (errno.EACCES, "Make the folder writable"), (errno.ENOSPC, "Make room on the disk")],
)
def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(qtbot: QtBot, tmp_path: Path, number: int, words: str) -> None:
    widget, bar = QWidget(), UndoBar()
    qtbot.addWidget(widget)
    qtbot.addWidget(bar)
    actions = RunActions(RunsModel(tmp_path), bar, widget)
    told: list[str] = []
    actions.refused.connect(told.append)

    def refuse() -> None:
        raise OSError(number, "the reason", "/runs/one")

    assert not actions.tried(refuse)
    assert told[0].startswith("/runs/one: cannot be written (the reason).")
    assert words in told[0]
    assert "Errno" not in told[0]
