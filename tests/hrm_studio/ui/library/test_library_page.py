"""The Library in the real window: inspecting checkpoints, entering settings that no file gives, downloading from a local Hub."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtWidgets import QMenu, QMessageBox
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.checkpoint.export import convert
from hrm_model.checkpoint.inspect import inspect
from hrm_model.checkpoint.locate import short_name
from hrm_model.config import ModelConfig
from hrm_studio.main_window import MainWindow
from hrm_studio.models.library import LibraryEntry
from hrm_studio.ui.library.page import LibraryPage
from tests.paths import PUBLISHED_MODEL
from tests.support.checkpoints import SMALL, published
from tests.support.evil import Evil
from tests.support.hub_server import COMMIT, Hub

ID = "sapientinc/HRM-checkpoint-sudoku-extreme"


@pytest.fixture
def window(new_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return new_window()


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> LibraryPage:
    window.settings.setValue("hub/cache", str(tmp_path / "cache"))
    window.show_page("library")
    found = window.pages["library"]
    assert isinstance(found, LibraryPage)
    qtbot.waitUntil(lambda: found.inspection is not None)
    return found


@pytest.fixture
def hub(page: LibraryPage, qtbot: QtBot) -> Iterator[Hub]:
    files = {n: (PUBLISHED_MODEL / n).read_bytes() for n in ("step_7", "all_config.yaml")}
    with Hub({ID: files, "someone/HRM-other": files}) as server:
        page.library.set_hub(server.url, "", page.library.stored("cache"), False)
        yield server
        page.service.close()


def entry(page: LibraryPage, fits: Callable[[LibraryEntry], bool]) -> LibraryEntry:
    return next(e for e in page.library.entries if fits(e))


def opened(page: LibraryPage, qtbot: QtBot, path: Path) -> None:
    page.open_path(path)
    qtbot.waitUntil(lambda: page.library.chosen is not None and page.library.chosen.path == path)


def looked_into(page: LibraryPage, qtbot: QtBot, path: Path) -> None:
    opened(page, qtbot, path)
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.files.asked == path)


def test_the_bundled_models_are_there_and_looked_into(page: LibraryPage, qtbot: QtBot) -> None:
    assert [e.section for e in page.library.entries].count("bundled") >= 3
    assert page.details.title.text() == "Sudoku 9×9"
    assert page.details.explore.isEnabled()
    assert not page.details.banner.isVisible()
    assert "226 k" in [tile.text() for tile in page.details.tiles.findChildren(type(page.details.path))]
    page.details.diagram.tensor_wanted.emit("lm_head.weight")
    assert page.details.tabs.currentWidget() is page.details.tensors
    qtbot.waitUntil(lambda: page.details.tensors.note.text() == "All 1,056 values.")
    assert page.details.tensors.histogram.statistics is not None
    page.window().studio.theme.set_mode("dark")
    assert page.details.tensors.name.text() == "lm_head.weight"


def test_what_was_opened_anywhere_is_on_the_list(page: LibraryPage, window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED_MODEL, tmp_path / "theirs")
    (tmp_path / "puzzles.txt").write_text("1" * 16)
    for path in (tmp_path / "theirs", tmp_path / "puzzles.txt", tmp_path / "gone"):
        window.opener.remember(path)
    page.library.refresh()
    qtbot.waitUntil(lambda: [e.path for e in page.library.entries if e.section == "local"] == [tmp_path / "theirs"])
    page.delete(entry(page, lambda e: e.section == "local"))
    qtbot.waitUntil(lambda: not any(e.section == "local" for e in page.library.entries))
    assert (tmp_path / "theirs").exists()


def test_a_checkpoint_dropped_on_the_library_is_looked_into(page: LibraryPage, window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED_MODEL, tmp_path / "theirs")
    window.opener.open(tmp_path / "theirs")
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.files.asked == tmp_path / "theirs")
    assert window.stack.currentWidget() is page


def evil(folder: Path) -> Path:
    folder.mkdir()
    (folder / "step_1").write_bytes(pickle.dumps(Evil(folder / "ran")))
    return folder


def test_a_checkpoint_that_cannot_be_looked_into_is_not_remembered(
    page: LibraryPage, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    bad = evil(tmp_path / "evil")
    window.opener.open(bad)
    qtbot.waitUntil(lambda: page.library.chosen is not None and page.library.chosen.path == bad)  # its error is shown
    qtbot.waitUntil(lambda: page.library._tried is None)
    assert page.inspection is None
    assert not (bad / "ran").exists()
    shutil.copytree(PUBLISHED_MODEL, tmp_path / "theirs")
    page.open_path(tmp_path / "theirs")
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.files.asked == tmp_path / "theirs")
    page.library.refresh()
    qtbot.waitUntil(lambda: any(e.about == "opened before" for e in page.library.entries))
    assert [e.path for e in page.library.entries if e.section == "local"] == [tmp_path / "theirs"]
    assert window.opener.recent() == []
    # Repaired, it is inspected again although it was refused before.
    window.opener.open(bad)
    qtbot.waitUntil(lambda: page.library.chosen is not None and page.library.chosen.path == bad)
    shutil.rmtree(bad)
    shutil.copytree(PUBLISHED_MODEL, bad)
    window.opener.open(bad)
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.files.asked == bad)
    assert window.opener.recent() == [bad]


def test_a_checkpoint_refused_in_explore_is_not_remembered(page: LibraryPage, window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.begin()
    window.show_page("explore")
    bad = evil(tmp_path / "evil")
    window.opener.open(bad)
    qtbot.waitUntil(lambda: str(bad) in window.explore.panel.error.text())
    assert window.opener.recent() == []
    window.opener.open(bundled_models()[0].path)
    qtbot.waitUntil(lambda: window.opener.recent() == [bundled_models()[0].path])
    page.library.refresh()
    qtbot.waitUntil(lambda: bool(page.library.entries))
    assert not any(e.path == bad for e in page.library.entries)


def test_a_click_on_a_bar_of_the_diagram_shows_its_tensor(page: LibraryPage, qtbot: QtBot) -> None:
    page.details.tabs.setCurrentIndex(0)
    qtbot.wait(50)
    bar = next(b for b in page.details.diagram.bars if b.tensor.name == "H_level.layers.0.mlp.gate_up_proj.weight")
    qtbot.mouseClick(page.details.diagram, Qt.MouseButton.LeftButton, pos=bar.area.center().toPoint())
    assert page.details.tensors.name.text() == bar.tensor.name


@pytest.mark.parametrize("kind", ["folder", "file", "zip"])
def test_a_published_checkpoint_is_traced_in_two_clicks(
    page: LibraryPage, window: MainWindow, qtbot: QtBot, tmp_path: Path, kind: str
) -> None:
    window.begin()
    shutil.copytree(PUBLISHED_MODEL, tmp_path / "theirs")
    (tmp_path / "theirs" / "expected.npz").unlink()
    path = tmp_path / "theirs"
    if kind == "file":
        path = path / "step_7"
    elif kind == "zip":
        path = Path(shutil.make_archive(str(tmp_path / "theirs"), "zip", path))
    looked_into(page, qtbot, path)
    qtbot.mouseClick(page.details.explore, Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is window.pages["explore"]
    assert window.models.path == path
    qtbot.waitUntil(lambda: window.traces.trace is not None and window.traces.trace.model.config["hidden_size"] == 64)


def test_a_checkpoint_that_does_not_fit_is_explained_and_cannot_be_opened(page: LibraryPage, qtbot: QtBot, tmp_path: Path) -> None:
    convert(inspect(published(tmp_path / "p", ModelConfig.model_validate(SMALL))), tmp_path / "own")
    file = tmp_path / "own" / "config.json"
    content = json.loads(file.read_text())
    content["model"]["L_layers"] = 2
    file.write_text(json.dumps(content))
    looked_into(page, qtbot, tmp_path / "own")
    assert "missing: L_level.layers.1" in page.details.banner.text()
    assert not page.details.explore.isEnabled()
    (tmp_path / "evil").mkdir()
    torch.save({"a": torch.ones(2), "b": Path("/")}, tmp_path / "evil" / "step_1")
    opened(page, qtbot, tmp_path / "evil")
    qtbot.waitUntil(lambda: "it would run pathlib" in page.details.banner.text())
    assert not page.details.tabs.isVisible()


def test_settings_that_no_file_gives_are_asked_for_and_kept(page: LibraryPage, qtbot: QtBot, tmp_path: Path) -> None:
    folder = published(tmp_path / "bare", ModelConfig.model_validate(SMALL | {"vocab_size": 40, "seq_len": 49, "num_heads": 2}))
    looked_into(page, qtbot, folder)
    assert "Enter seq_len" in page.details.banner.text()
    table = page.details.settings.table

    def put(name: str, value: str) -> None:
        row = next(r for r in range(table.rowCount()) if table.item(r, 0).text() == name)  # type: ignore[union-attr]
        table.item(row, 1).setText(value)  # type: ignore[union-attr]

    put("seq_len", "49")
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.fault == "")
    put("num_heads", "2")
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.config is not None and page.inspection.config.num_heads == 2)
    page.details.settings.keep.click()
    qtbot.waitUntil(lambda: (folder / "step_10.json").exists())
    found = inspect(folder)
    assert found.config is not None
    assert (found.config.seq_len, found.config.num_heads, found.fault) == (49, 2, "")


def test_a_model_is_fetched_from_the_hub_and_deleted_again(
    page: LibraryPage, hub: Hub, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = {"content": [("slow", 500_000)] * 3}
    page.library.choose(entry(page, lambda e: e.id == ID))
    assert page.stack.currentWidget() is page.hub_area
    assert page.hub.values["licence"].text() == "unknown"
    page.hub.look.click()
    qtbot.waitUntil(lambda: page.hub.values["licence"].text() == "apache-2.0")
    assert page.hub.values["commit"].text() == COMMIT[:12]
    page.hub.fetch.click()
    qtbot.waitUntil(lambda: page.downloads.by_id[ID].nbytes > 100_000)
    page.hub.pause.click()
    assert page.downloads.by_id[ID].state == "paused"
    assert page.hub.fetch.text() == "Resume"
    page.hub.fetch.click()
    qtbot.waitUntil(lambda: page.library.chosen is not None and page.library.chosen.section == "cached")
    assert hub.begins() == sorted(hub.begins())  # nothing twice
    assert any(hub.begins())
    qtbot.waitUntil(lambda: page.inspection is not None and page.inspection.fault == "")
    assert page.details.explore.isEnabled()
    assert page.library.chosen.path is not None
    assert short_name(page.library.chosen.path) == ID
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    page.delete(page.library.chosen)
    qtbot.waitUntil(lambda: not any(e.section == "cached" for e in page.library.entries))


def test_a_failed_download_says_why_and_is_tried_again(page: LibraryPage, hub: Hub, qtbot: QtBot) -> None:
    hub.faults = {"cdn": [("status", 403)]}
    page.library.choose(entry(page, lambda e: e.id == ID))
    page.hub.fetch.click()
    qtbot.waitUntil(lambda: page.downloads.by_id[ID].state == "failed")
    assert "rejected the token (403)" in page.hub.message.text()
    assert page.hub.fetch.text() == "Try again"
    page.hub.cancel.click()
    assert ID not in page.downloads.by_id
    assert not page.hub.message.isVisible()


def test_a_search_on_the_hub(page: LibraryPage, hub: Hub, qtbot: QtBot) -> None:
    page.list.search.setText("other")
    qtbot.keyClick(page.list.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any(e.section == "found" for e in page.library.entries))
    assert entry(page, lambda e: e.section == "found").id == "someone/HRM-other"
    hub.faults = {"api": [("status", 404)]}
    page.search_hub("nothing")
    qtbot.waitUntil(lambda: "404" in page.bar.text.text())


def test_closing_the_window_ends_a_download_and_keeps_its_bytes(page: LibraryPage, hub: Hub, qtbot: QtBot, window: MainWindow) -> None:
    hub.faults = {"content": [("slow", 300_000)] * 9}
    page.downloads.start(ID)
    qtbot.waitUntil(lambda: page.downloads.by_id[ID].nbytes > 100_000)
    window.close()
    (part,) = (Path(page.library.stored("cache")) / f"models--{ID.replace('/', '--')}" / "blobs").glob("*.incomplete")
    assert part.stat().st_size > 100_000


def test_a_context_menu_is_gone_once_it_is_closed(page: LibraryPage) -> None:
    before = len(page.findChildren(QMenu))
    page.show_menu(page.library.entries[0], QPoint(9, 9))
    [menu] = [menu for menu in page.findChildren(QMenu) if menu.isVisible()]
    menu.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert len(page.findChildren(QMenu)) == before


def test_offline_is_said_before_anyone_clicks(page: LibraryPage, hub: Hub, qtbot: QtBot) -> None:
    page.library.set_hub(hub.url, "", "", True)
    page.library.choose(entry(page, lambda e: e.id == ID))
    assert page.hub.offline.isVisible()
    assert "Offline mode is on" in page.hub.offline.text()
    assert not page.hub.fetch.isEnabled()
    assert not page.hub.look.isEnabled()
    page.library.set_hub(hub.url, "", "", False)
    qtbot.waitUntil(lambda: page.hub.fetch.isEnabled())
    assert page.hub.look.isEnabled()
    assert not page.hub.offline.isVisible()


def test_a_missing_network_is_said_on_every_models_page(page: LibraryPage, hub: Hub, qtbot: QtBot) -> None:
    page.library.choose(entry(page, lambda e: e.id == ID))
    page.hub.show_failure("the Hub could not be reached", "network")
    page.library.choose(entry(page, lambda e: e.path is None and e.id not in ("", ID)))
    assert page.hub.offline.isVisible()
    assert page.hub.fetch.isEnabled()  # the network may be back


def test_buttons_of_a_download_stay_in_place(page: LibraryPage, hub: Hub, qtbot: QtBot) -> None:
    hub.faults = {"content": [("slow", 500_000)] * 3}
    page.library.choose(entry(page, lambda e: e.id == ID))
    qtbot.wait(50)
    buttons = (page.hub.fetch, page.hub.pause, page.hub.cancel, page.hub.look, page.hub.page)

    def places() -> list[tuple[int, int]]:
        qtbot.wait(20)
        return [(button.x(), button.width()) for button in buttons]

    before = places()
    page.hub.fetch.click()
    qtbot.waitUntil(lambda: page.downloads.by_id[ID].nbytes > 100_000)
    assert places() == before
    assert [button.isEnabled() for button in buttons[:3]] == [False, True, True]
    page.hub.pause.click()
    assert page.hub.fetch.text() == "Resume"
    assert places() == before
    page.hub.cancel.click()
    assert places() == before
