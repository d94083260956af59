"""Opening files and folders: what they are, dropped, remembered."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.errors import OpenError
from hrm_model.tasks.sudoku.grid import SUDOKU_4, format_grid
from hrm_model.tasks.sudoku.layout import parse
from hrm_studio.main_window import MainWindow
from hrm_studio.models.opener import kind_of
from tests.support.puzzles import STARTER_4
from tests.support.runs import recorded


def test_a_path_is_recognised_by_its_content(tmp_path: Path) -> None:
    assert kind_of(bundled_models()[0].path) == "checkpoint"
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(OpenError, match="Unsupported folder: .* opens runs"):
        kind_of(run)
    (run / "config.yaml").touch()
    (run / "events.jsonl").touch()
    assert kind_of(run) == "run"
    with h5py.File(tmp_path / "any.name", "w"):
        pass
    assert kind_of(tmp_path / "any.name") == "trace"
    text = tmp_path / "puzzles.csv"
    text.write_text("1234" + "." * 12)
    assert kind_of(text) == "puzzles"
    (tmp_path / "bytes").write_bytes(b"a\0b")
    with pytest.raises(OpenError, match=r"Unsupported file: .* opens puzzles as text, .* traces .* and checkpoints"):
        kind_of(tmp_path / "bytes")
    for name in ("noise.bin", "noise.pt", "step_3"):
        (tmp_path / name).write_bytes(b"\xfb\x13" * 500)
        with pytest.raises(OpenError, match="not a checkpoint. HRM Studio opens puzzles as text"):
            kind_of(tmp_path / name)
    whole = (bundled_models()[0].path / "model.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:100])
    assert kind_of(tmp_path / "cut.safetensors") == "checkpoint"  # of which the reader says more
    (tmp_path / "none.pt").touch()
    with pytest.raises(OpenError, match="Empty file"):
        kind_of(tmp_path / "none.pt")
    with pytest.raises(OpenError, match="does not exist"):
        kind_of(tmp_path / "nowhere")


def test_recent_files_come_newest_first_and_once(window: MainWindow, tmp_path: Path) -> None:
    for k in range(20):
        window.opener.remember(tmp_path / str(k))
    window.opener.remember(tmp_path / "15")
    recent = window.opener.recent()
    assert recent[:2] == [tmp_path / "15", tmp_path / "19"]
    assert len(recent) == len(set(recent)) == 12


def test_files_are_dropped_and_opened_by_what_they_are(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    puzzles = tmp_path / "many.txt"
    puzzles.write_text(f"# two\n{STARTER_4}\n12..34..2...4...\n")
    drop(window, [puzzles])
    wanted = format_grid(parse(STARTER_4), SUDOKU_4)
    qtbot.waitUntil(lambda: window.explore.panel.text.toPlainText() == wanted)
    qtbot.waitUntil(lambda: window.opener.recent() == [puzzles])
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    drop(window, [nothing])
    assert str(nothing) in window.notice.text.text()
    assert window.notice.isVisible()
    drop(window, [bundled_models()[1].path])
    assert not window.notice.isVisible()
    assert window.models.path == bundled_models()[1].path
    bad = tmp_path / "bad.txt"
    bad.write_text(f"{STARTER_4}\n{STARTER_4}7\n")
    drop(window, [bad])
    qtbot.waitUntil(lambda: "17 cells" in window.explore.panel.error.text())
    assert str(bad) in window.explore.panel.error.text()
    texts = [a.text() for a in window.recent_menu.actions()]
    assert not any(text.endswith("bad.txt") for text in texts)  # it could not be read
    assert any(text.endswith("many.txt") for text in texts)
    window.recent_menu.actions()[-1].trigger()
    assert window.opener.recent() == []


def test_a_run_is_remembered_once_it_is_shown(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    run = tmp_path / "mine"
    (run / "checkpoints").mkdir(parents=True)  # a run folder to look at, with nothing to read in it
    window.opener.open(run)
    assert window.opener.recent() == []
    shutil.rmtree(run)
    recorded(run)
    window.opener.open(run)
    qtbot.waitUntil(lambda: window.opener.recent() == [run])


def drop(window: MainWindow, paths: list[Path]) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, keys = QPointF(300, 300), Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(place.toPoint(), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, keys)
    window.dragEnterEvent(entered)
    assert entered.isAccepted()
    window.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, keys))
