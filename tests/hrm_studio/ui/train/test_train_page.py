"""The Train page on recorded runs and on a real one."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from hrm_studio.main_window import MainWindow
from hrm_studio.models.runs import RunModel
from hrm_studio.ui.train import metric_plot
from hrm_studio.ui.train import page as train_page
from hrm_studio.ui.train.page import TrainPage
from tests.support.runs import recorded, small
from trainer.presets import PRESETS


@pytest.fixture
def window(new_window: Callable[..., MainWindow], qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    recorded(tmp_path / "home" / "runs" / "one")
    recorded(tmp_path / "home" / "runs" / "two", lr=5e-4, batch_size=8)
    window = new_window(size=(1200, 800))
    window.show_page("train")
    page_of(window).cards.measures_by_itself = False
    qtbot.waitUntil(lambda: len(page_of(window).runs.by_path) == 2)
    yield window
    for run in page_of(window).runs.live:
        os.kill(run.run.status()["pid"], signal.SIGKILL)
        qtbot.waitUntil(lambda run=run: not run.summary.live)


def page_of(window: MainWindow) -> TrainPage:
    page = window.page("train")
    assert isinstance(page, TrainPage)
    return page


def named(page: TrainPage, name: str) -> RunModel:
    return next(run for run in page.runs.by_path.values() if run.name == name)


@pytest.fixture
def opened(window: MainWindow, qtbot: QtBot) -> TrainPage:
    page = page_of(window)
    page.open_run(named(page, "one"))
    drawn(page, qtbot)
    return page


def drawn(page: TrainPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: all(len(run.log.metrics) == 40 for run in page.shown) and not page.curves.grid._missing)
    qtbot.waitUntil(lambda: not page.curves.grid._timer.isActive())


def plot(page: TrainPage, title: str):  # type: ignore[no-untyped-def]
    return next(p for p in page.curves.grid.plots if p.panel.title == title)


def test_it_opens_with_a_card_for_each_preset_and_the_runs_there_are(window: MainWindow) -> None:
    page = page_of(window)
    assert list(page.cards.cards) == list(PRESETS)
    assert page.stack.currentWidget() is page.cards
    assert sorted(run.name for run in page.list.rows.rows) == ["one", "two"]
    assert "3,000 steps" in page.cards.cards["sudoku-4x4"].rows["time"].text()
    assert "10,000 generated puzzles" in page.cards.cards["sudoku-4x4"].rows["data"].text()


def test_a_run_is_opened_and_its_curves_stand_in_plots(opened: TrainPage) -> None:
    titles = [p.panel.title for p in opened.curves.grid.plots]
    assert titles[:4] == ["loss", "solved", "cells right", "segments until halting"]
    assert "gradient norm" not in titles
    loss = plot(opened, "loss")
    assert [line.series.column for line in loss.lines] == ["loss"]
    assert loss.lines[0].curve.y.tolist() == pytest.approx([1 / k for k in range(1, 41)])
    assert opened.header.best.text() == "50.0 % solved"


def test_several_runs_are_laid_over_each_other_and_hidden_by_the_legend(opened: TrainPage, qtbot: QtBot) -> None:
    two = named(opened, "two")
    opened.overlay(two)
    drawn(opened, qtbot)
    assert {line.run.name for line in plot(opened, "loss").lines} == {"one", "two"}
    colours = {line.run.name: line.colour.name() for line in plot(opened, "loss").lines}
    assert colours["one"] != colours["two"]
    opened.curves.legend.chips[two].click()
    drawn(opened, qtbot)
    assert {line.run.name for line in plot(opened, "loss").lines} == {"one"}
    opened.table.only.setChecked(True)
    names = {opened.table.table.item(row, 0).text() for row in range(opened.table.table.rowCount())}
    assert names == {"lr", "batch_size"}
    opened.overlay(two)
    assert opened.shown == [opened.current]


def test_the_axes_smoothing_and_zoom_are_shared(opened: TrainPage, qtbot: QtBot) -> None:
    settings = opened.curves.settings
    loss = plot(opened, "loss")
    settings.set(x="time", smoothing=0.0)
    drawn(opened, qtbot)
    assert loss.lines[0].curve.x[-1] == pytest.approx(40 / 50 / 60)
    settings.set(x="epoch")
    drawn(opened, qtbot)
    assert loss.lines[0].curve.x[-1] == pytest.approx(40 * 16 / 64)
    settings.set(x="step", log_x=True, zoom=(5.0, 20.0))
    drawn(opened, qtbot)
    (left, right), _ = loss.getPlotItem().vb.viewRange()
    assert 10**left == pytest.approx(5, rel=0.1)
    assert 10**right == pytest.approx(20, rel=0.1)
    settings.set(zoom=(0.0, 20.0))  # as if a linear axis was dragged beyond its start
    drawn(opened, qtbot)
    (left, right), _ = loss.getPlotItem().vb.viewRange()
    assert 10**left == pytest.approx(1, rel=0.1)
    assert 10**right == pytest.approx(20, rel=0.1)


def test_the_crosshair_runs_through_all_plots_and_shows_values(opened: TrainPage, qtbot: QtBot) -> None:
    loss, solved = plot(opened, "loss"), plot(opened, "solved")
    before = solved.grab().toImage()
    opened.curves.settings.point_at(20.0)
    after = solved.grab().toImage()
    assert before != after
    assert loss.value_text(0.25) == "0.25"
    assert solved.value_text(0.25) == "25.00%"
    x = loss.to_pixels((20.0, 0))[0, 0]
    assert loss.x_at(x) == pytest.approx(20)
    qtbot.mouseMove(loss.viewport(), QPoint(round(x), loss.height() // 2))
    opened.curves.settings.point_at(None)
    assert solved.grab().toImage() == before


def test_dragging_zooms_all_plots_and_a_double_click_shows_all(opened: TrainPage, qtbot: QtBot) -> None:
    loss = plot(opened, "loss")
    y = loss.height() // 2
    start, end = (QPoint(round(loss.to_pixels((x, 0))[0, 0]), y) for x in (10.0, 30.0))
    qtbot.mousePress(loss.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(loss.viewport(), QPointF(end).toPoint())
    loss._drag = (start.x(), end.x())  # offscreen, a move carries no button
    qtbot.mouseRelease(loss.viewport(), Qt.MouseButton.LeftButton, pos=end)
    low, high = opened.curves.settings.zoom or (0, 0)
    assert low == pytest.approx(10, abs=0.5)
    assert high == pytest.approx(30, abs=0.5)
    qtbot.mouseDClick(loss.viewport(), Qt.MouseButton.LeftButton, pos=start)
    assert opened.curves.settings.zoom is None


def test_curves_are_exported_as_picture_drawing_and_table(opened: TrainPage, qtbot: QtBot, tmp_path: Path) -> None:
    told: list[str] = []
    opened.curves.message.connect(told.append)
    opened.curves.export("png", tmp_path / "c.png")
    image = QImage(str(tmp_path / "c.png"))
    assert image.width() > 800
    opened.curves.export("svg", tmp_path / "c.svg", [plot(opened, "loss")])
    assert "<polyline" in (tmp_path / "c.svg").read_text() or "<path" in (tmp_path / "c.svg").read_text()
    opened.curves.export("csv", tmp_path / "c.csv")
    qtbot.waitUntil(lambda: len(told) == 3)
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert len(rows) == 42
    assert [float(r["loss"]) for r in rows if r["event"] == "metrics"][3] == 0.25
    opened.curves.export("png", tmp_path / "nowhere" / "c.png")
    opened.curves.export("svg", tmp_path / "nowhere" / "c.svg")
    assert "cannot be written" in told[-1]
    assert "cannot be written" in told[-2]


def test_the_form_marks_differences_and_judges_what_is_typed(window: MainWindow, qtbot: QtBot) -> None:
    page = page_of(window)
    page.cards.cards["sudoku-4x4"].edit.click()
    form = page.form
    assert page.stack.currentWidget().isAncestorOf(page.form)
    assert form.config == PRESETS["sudoku-4x4"]
    row = form.rows[("lr",)]
    row.editor.line.setText("5e-4")  # type: ignore[attr-defined]
    row.editor.edited.emit()
    assert form.config is not None
    assert form.config.lr == 5e-4
    assert form.different == {("lr",)}
    row.editor.line.setText("fast")  # type: ignore[attr-defined]
    row.editor.edited.emit()
    assert form.config is None
    assert not form.start.isEnabled()
    assert "number" in row.help.text()
    row.back.click()
    assert form.config == PRESETS["sudoku-4x4"]
    hidden = form.rows[("model", "hidden_size")]
    hidden.editor.line.setText("63")  # type: ignore[attr-defined]
    hidden.editor.edited.emit()
    assert "63 is not a multiple" in form.verdict.text()
    form.reset_field(("model", "hidden_size"))
    form.search.setText("cosine")
    assert not form.rows[("lr_min_ratio",)].name.isHidden()
    assert form.rows[("seed",)].name.isHidden()
    qtbot.waitUntil(lambda: form.rows[("lr_min_ratio",)].editor.y() < 200)


def test_lists_of_records_are_edited_as_rows(window: MainWindow) -> None:
    page = page_of(window)
    page.cards.cards["sudoku-4x4"].edit.click()
    form, editor = page.form, page.form.rows[("puzzles",)].editor
    editor.rows[0]["count"].line.setText("77")  # type: ignore[attr-defined]
    editor.edited.emit()
    assert form.config is not None
    assert form.config.puzzles[0].count == 77
    editor.remove_row(0)  # type: ignore[attr-defined]
    assert len(form.config.puzzles) == 3
    editor.add_row()  # type: ignore[attr-defined]
    assert len(form.config.puzzles) == 4
    assert set(editor.rows[0]) >= {"clues", "count"}  # type: ignore[attr-defined]
    assert "min_path" not in editor.rows[0]  # type: ignore[attr-defined]
    editor.rows[1]["count"].line.setText("-1")  # type: ignore[attr-defined]
    editor.edited.emit()
    assert form.config is None
    assert "row 2, count" in form.verdict.text()


def test_deleting_a_run_can_be_undone(opened: TrainPage, qtbot: QtBot) -> None:
    path = named(opened, "one").path
    opened.acts.delete(named(opened, "one"))
    assert not path.exists()
    assert opened.stack.currentWidget() is opened.cards
    opened.bar.undo.click()
    qtbot.waitUntil(lambda: path in opened.runs.by_path)
    assert opened.bar.isHidden()


def test_closing_asks_what_to_do_with_a_live_run(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(window)
    page.start(small(steps=100_000, evaluate_every=50_000, batch_size=4))
    run = page.current
    assert run is not None
    assert page.list.rows.rows[0] is run  # the newest comes first, before its trainer reports anything
    qtbot.waitUntil(lambda: run.summary.state == "running")
    assert page.list.rows.rows[0] is run
    asked: list[int] = []

    def answer(live: list[RunModel], parent: object) -> str:
        asked.append(len(live))
        return "cancel" if len(asked) == 1 else "stop"

    monkeypatch.setattr(train_page, "ask_before_closing", answer)
    assert not window.close()
    assert window.isVisible()
    assert page.may_close()
    qtbot.waitUntil(lambda: run.summary.state == "stopped")
    assert asked == [1, 1]
    assert page.may_close()


def test_a_run_goes_on_from_its_checkpoint_with_changes(opened: TrainPage, qtbot: QtBot) -> None:
    opened.start(small(steps=30, checkpoint_every=10, evaluate_every=30))
    first = opened.current
    assert first is not None
    qtbot.waitUntil(lambda: first.summary.state == "finished")
    opened.acts.fork_wanted.emit(first)
    form = opened.form
    assert form.config is not None
    assert form.config.steps == 60
    assert not form.rows[("model", "hidden_size")].editor.isEnabled()
    form.rows[("lr",)].editor.line.setText("0.0001")  # type: ignore[attr-defined]
    form.rows[("lr",)].editor.edited.emit()
    form.start.click()
    qtbot.waitUntil(lambda: opened.current is not first)
    second = opened.current
    assert second is not None
    qtbot.waitUntil(lambda: second.summary.state == "finished")
    qtbot.waitUntil(lambda: bool(len(second.log.metrics)) and second.log.metrics["step"][-1] == 60)
    assert second.log.metrics["step"][0] > 30
    assert second.config.lr == 1e-4


def test_light_and_dark_and_every_size_are_drawn(opened: TrainPage, window: MainWindow, qtbot: QtBot) -> None:
    for mode, size in (("dark", (1024, 700)), ("light", (1920, 1080))):
        window.theme.set_mode(mode)  # type: ignore[arg-type]
        window.resize(*size)
        drawn(opened, qtbot)
        surface = plot(opened, "loss").grab().toImage().pixelColor(3, 100).name()
        assert surface == window.theme.palette.surface
        assert window.width() == size[0]
    assert opened.minimumSizeHint().height() <= 640  # of a window of 700 pixels, bars left out


def test_a_context_menu_is_gone_once_it_is_closed(opened: TrainPage, qtbot: QtBot) -> None:
    before = len(opened.findChildren(QMenu))
    opened.acts.show_menu(opened.current, False, QPoint(9, 9))
    opened.curves.show_menu(plot(opened, "loss"), QPoint(9, 9))
    menus = [menu for menu in opened.findChildren(QMenu) if menu.isVisible()]
    assert {menu.actions()[0].text() for menu in menus} == {"Overlay in the plots", "Reset zoom"}
    for menu in menus:
        menu.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert len(opened.findChildren(QMenu)) == before


def test_a_legend_says_a_word_beside_the_number_once() -> None:
    def legend(*labels: str) -> list[str]:
        return [text for _, text in metric_plot._shortened([(label, f"■ {label}") for label in labels])]

    assert legend("36 clues", "30 clues", "minimal", "training") == ["■ 36 clues", "■ 30", "■ minimal", "■ training"]
    assert legend("path 2 to 11", "path 12 to 23", "path ≥ 36", "training") == ["■ path 2–11", "■ 12–23", "■ ≥ 36", "■ training"]
