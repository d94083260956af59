"""The window around the pages: lazily made pages, the registry of actions, opening what a path is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_studio.actions import Entry
from hrm_studio.main_window import MainWindow
from hrm_studio.models.opener import OpenError, kind_of
from hrm_studio.pages import available_pages
from hrm_studio.theme import DARK, Theme


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    window = MainWindow(Theme("light"))
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()


def test_pages_are_made_when_they_are_opened(window: MainWindow) -> None:
    assert set(window.pages) == {"explore"}
    for page in available_pages():
        window.top_bar.tabs[page.name].click()
        assert window.stack.currentWidget() is window.pages[page.name]
        assert window.top_bar.tabs[page.name].isChecked()


def test_actions_of_a_page_work_while_it_is_shown(window: MainWindow) -> None:
    done: list[str] = []
    window.actions_table.add([Entry("other", "&Run", "Other", "Space", "", lambda: done.append("other"))], page="other")
    actions = window.actions_table.by_name
    assert not actions["other"].isEnabled()
    assert actions["play"].isEnabled()
    assert not window.actions_table.menu("&Run").menuAction().isVisible()
    window.actions_table.show_page("other")
    assert not actions["play"].isEnabled()
    assert window.actions_table.menu("&Run").menuAction().isVisible()
    actions["other"].trigger()
    assert done == ["other"]
    assert window.actions_table.clash("other", "Space") is None
    assert window.actions_table.clash("other", "Ctrl+Q") == "quit"
    titles = [a.text() for a in window.top_bar.menu_bar.actions()]
    assert titles.index("&Step") < titles.index("&Run") < titles.index("&View")


def test_shortcuts_are_kept(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table.set_shortcut("play", "P")
    assert window.actions_table.by_name["play"].shortcut().toString() == "P"
    second = MainWindow(Theme("light"))
    qtbot.addWidget(second)
    assert second.actions_table.shortcut("play") == "P"
    second.actions_table.set_shortcut("play", None)
    assert second.actions_table.shortcut("play") == "Space"
    second.close()


def test_the_theme_is_chosen_and_kept(window: MainWindow) -> None:
    window.top_bar.mode_wanted.emit("dark")
    assert window.theme.palette is DARK
    assert window.settings.value("theme") == "dark"


def test_a_path_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    assert kind_of(bundled_models()[0].path) == "checkpoint"
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(OpenError, match="neither a run"):
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
    with pytest.raises(OpenError, match="no puzzle text"):
        kind_of(tmp_path / "bytes")
    with pytest.raises(OpenError, match="not there"):
        kind_of(tmp_path / "nowhere")


def test_recent_files_come_newest_first_and_once(window: MainWindow, tmp_path: Path) -> None:
    for k in range(20):
        window.opener.remember(tmp_path / str(k))
    window.opener.remember(tmp_path / "15")
    recent = window.opener.recent()
    assert recent[:2] == [tmp_path / "15", tmp_path / "19"]
    assert len(recent) == len(set(recent)) == 12
