"""Pictures of panels as they are shown."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from hrm_studio.export.image import save_image
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.dialogs.panel_picture import PanelPictureDialog, panels_of
from tests.support.traces import NINE, sudoku_info, synthetic


def test_every_panel_that_is_seen_becomes_a_picture(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.resize(1300, 850)
    trace = synthetic(sudoku_info(NINE), segments=2)
    window.traces.open(trace, cursor=3)
    qtbot.waitUntil(lambda: {"States", "Curves", "Timeline", "Puzzle"} <= set(panels_of(window.explore)))
    qtbot.waitUntil(lambda: not any(panel.pending for panel in window.explore.lazy_panels.values()))
    panels = panels_of(window.explore)
    for name, widget in panels.items():
        with Image.open(save_image(widget, tmp_path / f"{name}.png", 1.5)) as image:
            assert image.size == (int(widget.width() * 1.5 + 0.5), int(widget.height() * 1.5 + 0.5)), name
            assert len(image.convert("RGB").getcolors(1 << 24)) > 20, name
    dialog = PanelPictureDialog(panels, QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat), window)
    dialog.which.setCurrentText("Timeline")
    for ending in ("svg", "pdf"):
        files = []
        for again in "ab":
            dialog.save(tmp_path / f"{again}.{ending}")
            files.append((tmp_path / f"{again}.{ending}").read_bytes())
            time.sleep(1.1 if ending == "pdf" and again == "a" else 0)  # Qt writes the second into it
        assert files[0] == files[1]
    assert any(e.tag.endswith("text") for e in ElementTree.parse(tmp_path / "a.svg").iter())
    dialog.save(tmp_path / "nowhere" / "t.png")
    assert str(tmp_path / "nowhere" / "t.png") in dialog.error.text()


def test_other_endings_are_refused(window: MainWindow, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unsupported picture format\. Use \.png, \.svg, \.pdf"):
        save_image(window, tmp_path / "t.bmp")
