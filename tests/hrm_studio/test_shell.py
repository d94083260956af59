"""The window around the pages: lazily made pages, the registry of actions, docks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QDialog, QMenu
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.layout import parse
from hrm_studio.actions import Entry
from hrm_studio.fuzzy import score
from hrm_studio.main_window import MainWindow
from hrm_studio.pages import available_pages
from hrm_studio.theme import DARK
from hrm_studio.ui.dialogs.command_palette import CommandPalette
from hrm_studio.ui.dialogs.shortcuts import ShortcutsDialog
from tests.support.puzzles import STARTER_4


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


def test_no_two_actions_of_a_page_ship_with_the_same_keys(window: MainWindow) -> None:
    """Qt triggers neither of two that share their keys."""
    for page in available_pages():
        window.show_page(page.name)
    table = window.actions_table
    assert {name: table.clash(name, entry.shortcut) for name, entry in table.entries.items() if table.clash(name, entry.shortcut)} == {}


def test_shortcuts_are_kept(window: MainWindow, new_window: Callable[..., MainWindow]) -> None:
    window.actions_table.set_shortcut("play", "P")
    assert window.actions_table.by_name["play"].shortcut().toString() == "P"
    second = new_window(show=False)
    assert second.actions_table.shortcut("play") == "P"
    second.actions_table.set_shortcut("play", None)
    assert second.actions_table.shortcut("play") == "Space"
    second.settings.setValue("shortcuts/survey_run", "Ctrl+R")  # as 0.1.0 named the actions of Evaluate
    third = new_window(show=False)
    third.show_page("evaluate")
    assert third.actions_table.shortcut("evaluate_run") == "Ctrl+R"


def test_the_theme_is_chosen_and_kept(window: MainWindow) -> None:
    window.top_bar.mode_wanted.emit("dark")
    assert window.theme.palette is DARK
    assert window.settings.value("theme") == "dark"


@pytest.mark.parametrize("name", ["choose_model", "choose_device", "recent_puzzles"])
def test_what_the_window_offers_to_the_mouse_is_an_action_too(window: MainWindow, qtbot: QtBot, name: str) -> None:
    window.explore.model.recent.add(task_named("sudoku-4x4"), parse(STARTER_4))
    seen: list[int] = []

    def look() -> None:  # a menu runs an event loop of its own
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        seen.append(len(menu.actions()))
        menu.close()

    QTimer.singleShot(200, look)
    window.actions_table.by_name[name].trigger()
    qtbot.waitUntil(lambda: bool(seen))
    assert seen[0] > 0


def test_the_palette_finds_an_action_by_some_letters_and_does_it(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table.by_name["palette"].trigger()
    palette = window.findChild(CommandPalette)
    assert palette is not None
    assert palette.list.count() == len(window.actions_table.available())
    qtbot.keyClicks(palette.field, "lgt dark")
    assert palette.list.item(0).text() == "Light or dark"
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    with qtbot.waitSignal(palette.destroyed):
        qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert window.theme.palette is DARK


@pytest.mark.parametrize(
    ("wanted", "first"), [("gtr", "Go to Train"), ("gen", "Generate a puzzle"), ("ostep", "One step on"), ("file quit", "Quit File")]
)
def test_fuzzy_search_puts_the_best_answer_first(wanted: str, first: str) -> None:
    texts = ["Light or dark", "Go to Train", "Generate a puzzle", "One step on", "Quit File", "Reset the layout of Explore"]
    found = {text: score(wanted, text) for text in texts}
    assert max((t for t in texts if found[t] is not None), key=lambda t: found[t] or 0.0) == first
    assert score("xyz", first) is None
    assert score("", first) is not None


def test_shortcuts_of_another_action_are_shown_and_can_be_taken_over(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table.by_name["shortcuts"].trigger()
    dialog = window.findChild(ShortcutsDialog)
    assert dialog is not None
    dialog.choose("theme")
    assert dialog.keys.keySequence().toString() == "Ctrl+T"
    dialog.keys.setKeySequence(QKeySequence("Ctrl+G"))
    assert "Generate a puzzle" in dialog.hint.text()
    dialog.use.click()
    actions = window.actions_table
    assert (actions.shortcut("theme"), actions.shortcut("generate")) == ("Ctrl+G", "")
    assert actions.by_name["generate"].shortcut().isEmpty()
    dialog.filter.setText("ctrl g")
    assert dialog.table.topLevelItemCount() >= 1
    dialog.defaults.click()
    assert (actions.shortcut("theme"), actions.shortcut("generate")) == ("Ctrl+T", "Ctrl+G")
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()


@pytest.mark.parametrize(
    "action",
    [
        "palette",
        "shortcuts",
        "glossary",
        "panel_picture",
        "library_hub",
    ],
)
def test_a_dialog_is_gone_once_it_is_closed(window: MainWindow, action: str) -> None:
    window.show_page("library" if action.startswith("library") else "explore")
    for way in (QDialog.close, QDialog.reject, QDialog.accept):
        window.actions_table.by_name[action].trigger()
        dialogs = window.findChildren(QDialog)
        assert len(dialogs) == 1
        way(dialogs[0])
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert not window.findChildren(QDialog)


def test_docks_are_hidden_by_an_action_and_come_back(window: MainWindow, new_window: Callable[..., MainWindow]) -> None:
    window.actions_table.by_name["show_states"].trigger()
    assert window.explore.docks["States"].isHidden()
    window.close()
    second = new_window()
    assert second.explore.docks["States"].isHidden()
    second.actions_table.by_name["reset_layout"].trigger()
    assert not second.explore.docks["States"].isHidden()


def test_panels_that_floated_lie_where_they_lay_and_the_window_keeps_its_size(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1280, 800)
    page = window.explore
    qtbot.waitUntil(lambda: page.docks["Cells"] in page.tabifiedDockWidgets(page.docks["Curves"]))
    qtbot.wait(50)
    size = window.size()
    for name in ("Timeline", "Puzzle", "States"):
        dock = page.docks[name]
        place = dock.geometry()
        for _ in range(2):  # the second time Qt alone left it where it had floated
            for floating in (True, False):
                dock.titleBarWidget().float.click()
                assert dock.isFloating() is floating
                qtbot.wait(50)
            qtbot.waitUntil(lambda dock=dock, place=place: (dock.geometry().topLeft() - place.topLeft()).manhattanLength() < 3)
    page.reset_layout()
    qtbot.wait(100)
    assert window.size() == size
    assert page.docks["Timeline"].geometry().bottom() < page.height()


def test_a_panel_that_floated_is_shown_after_the_window_that_it_belongs_to(
    window: MainWindow, new_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    window.explore.docks["States"].setFloating(True)
    window.close()
    second = new_window(show=False)
    dock, shown = second.explore.docks["States"], []
    assert dock.isFloating()
    dock.visibilityChanged.connect(lambda on: shown.append((on, second.isVisible())))
    second.show()
    qtbot.waitUntil(lambda: (True, True) in shown)
    assert dock.isFloating()
    assert dock.isVisible()


def test_a_panel_that_is_taken_out_is_not_resized(window: MainWindow, qtbot: QtBot) -> None:
    page = window.explore
    page.removeDockWidget(page.docks["States"])  # as `reset_layout` does with all for a moment
    for width in (1100, 1300):
        window.resize(width, 800)
        qtbot.wait(20)  # Qt would warn, which the fixture of all tests takes for a failure
    page.reset_layout()
    qtbot.waitUntil(page.docks["States"].isVisible)


def test_model_device_and_theme_are_chosen_from_their_menus(window: MainWindow) -> None:
    bar = window.top_bar
    window.models.set_devices(["cpu"])
    for button, text in ((bar.model, bundled_models()[1].title), (bar.device, "cpu"), (bar.mode, "Dark")):
        button.menu().aboutToShow.emit()
        next(action for action in button.menu().actions() if action.text().partition("  —  ")[0] == text).trigger()
    assert window.models.path == bundled_models()[1].path
    assert bar.model.text() == bundled_models()[1].title
    assert (window.models.device, bar.device.text()) == ("cpu", "cpu")
    assert window.theme.palette is DARK


def test_a_window_goes_whole_though_a_panel_floats(qtbot: QtBot) -> None:
    """In a process of its own: a floating panel that outlived what it follows ended the process."""
    script = (
        "from hrm_studio.app import make_application, open_window\n"
        "application = make_application(['x'])\n"
        "window = open_window()\n"
        "application.processEvents()\n"
        "[dock.setFloating(True) for dock in window.explore.docks.values()]\n"
        "application.processEvents()\n"
        "window.close()\n"
        "del window\n"
        "print('gone')\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert (run.returncode, run.stdout) == (0, "gone\n"), run.stderr


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_all_menus_and_tabs_have_room(window: MainWindow, width: int) -> None:
    window.resize(width, 700)
    QApplication.processEvents()
    assert (window.width(), window.height()) == (width, 700)
    bar = window.top_bar
    assert bar.menu_bar.width() >= bar.menu_bar.sizeHint().width()
    right = [*bar.tabs.values(), bar.model, bar.device, bar.mode]
    edges = [(w.geometry().left(), w.geometry().right()) for w in right]
    assert edges == sorted(edges)
    assert edges[-1][1] <= width


def test_the_first_puzzle_waits_for_the_panels_that_are_shown(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrm_studio.ui.explore.page._PANELS_AT_MOST_MS", 600_000)  # on a busy machine it would not wait for them all
    lazy = window.explore.lazy_panels
    assert lazy["States"].pending
    window.begin()
    assert window.explore.model.recent.all() == []
    qtbot.waitUntil(lambda: bool(window.explore.model.recent.all()))
    assert not any(panel.pending for panel in lazy.values())
    assert lazy["Attention"]._view is None  # behind a tab: never shown, never made


def test_an_error_under_the_puzzle_leaves_generate_in_sight(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1280, 800)
    panel = window.explore.panel
    for way in (panel.edit_on_board, panel.edit_as_text):
        way()
        panel.show_error("5 appears twice in one row: at row 1, column 1 and at row 1, column 2.")
        qtbot.waitUntil(lambda: panel.generate.visibleRegion().boundingRect() == panel.generate.rect())
        qtbot.waitUntil(lambda: panel.error.visibleRegion().boundingRect() == panel.error.rect())
        panel.show_error("/a/folder/whose/name/is/long/model.safetensors: is not what it should be, and that takes many words to say. " * 3)
        qtbot.waitUntil(lambda: panel.example.visibleRegion().boundingRect() == panel.example.rect())


def test_the_view_menu_has_groups(window: MainWindow) -> None:
    groups: list[list[str]] = [[]]
    for action in window.actions_table.menu("&View").actions():
        groups.append([]) if action.isSeparator() else groups[-1].append(action.text())
    panels, zoom, pages, rest = groups
    assert {"States", "Curves"} <= set(panels)
    assert zoom == ["Larger board", "Smaller board", "Whole board"]
    assert all(text.startswith("Go to ") for text in pages)
    assert "Full screen" in rest
    assert not [a for a in window.actions_table.menu("&Puzzle").actions() if a.isSeparator()]


@pytest.mark.parametrize("width", [1000, 1280])
def test_the_tabs_stay_where_they_are(window: MainWindow, width: int) -> None:
    window.resize(width, 700)
    places = set()
    for name in window.top_bar.tabs:
        window.show_page(name)
        QApplication.processEvents()
        places.add(tuple(tab.x() for tab in window.top_bar.tabs.values()))
        assert window.top_bar.mode.geometry().right() <= width == window.width()
    assert len(places) == 1


def test_the_model_menu_says_what_each_bundled_model_is_good_at(window: MainWindow) -> None:
    menu = window.top_bar.model.menu()
    menu.aboutToShow.emit()
    texts = [action.text() for action in menu.actions()]
    for model in window.models.bundled:
        assert 20 < len(model.about) <= 90, model.name
        assert f"{model.title}  —  {model.about}" in texts
