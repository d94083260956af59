"""Traces in the real window: recorded, kept, found, opened, exported, saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog
from pytestqt.qtbot import QtBot

from hrm_model.folders import home
from hrm_model.trace_file.io import STATES, Extras, States, TraceReader, info, read, write
from hrm_studio.export.spec import Spec
from hrm_studio.main_window import MainWindow
from hrm_studio.services.exporter import Exporter
from hrm_studio.theme import Theme
from hrm_studio.ui.dialogs.export_trace import ExportDialog
from hrm_studio.ui.dialogs.save_trace import SaveTraceDialog
from hrm_studio.ui.traces.page import TracesPage
from tests.support.puzzles import STARTER_4
from tests.support.traces import NINE, sudoku_info, synthetic


@pytest.fixture
def window(window: MainWindow) -> MainWindow:
    window.explore.panel.segments.setValue(3)
    return window


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "nine.h5", synthetic(sudoku_info(NINE), segments=3))


def page(window: MainWindow) -> TracesPage:
    window.show_page("traces")
    found = window.page("traces")
    assert isinstance(found, TracesPage)
    return found


def test_what_explore_records_is_kept_and_opened_again(window: MainWindow, qtbot: QtBot) -> None:
    window.explore.panel.text.setPlainText(STARTER_4)
    window.explore.panel.submit()
    qtbot.waitUntil(lambda: len(window.trace_library.traces) == 1)
    recorded = window.traces.trace
    traces = page(window)
    qtbot.waitUntil(lambda: len(traces.rows.rows) == 1)
    assert "1 trace" in traces.used.text()
    traces.list.setCurrentIndex(traces.rows.index(0))
    assert traces.details.title.text() == traces.rows.rows[0].title
    place = traces.list.visualRect(traces.rows.index(0)).center()
    window.traces.open(None)
    qtbot.mouseClick(traces.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(traces.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    assert window.stack.currentWidget() is window.explore
    assert window.traces.trace is not None
    assert recorded is not None
    np.testing.assert_array_equal(window.traces.trace.prediction, recorded.prediction)


def test_a_file_that_cannot_be_read_is_named_where_it_is_seen(window: MainWindow, qtbot: QtBot) -> None:
    traces = page(window)
    assert not traces.faulty.isVisible()
    folder = home() / "traces"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "torn.h5").write_bytes(b"")
    (folder / "empty.h5").write_bytes(b"")
    window.show_page("explore")
    page(window)
    # A scan that had already begun may have seen only the first file.
    qtbot.waitUntil(lambda: "1 more file cannot be read" in traces.faulty.text())
    assert traces.faulty.isVisible()
    assert "empty.h5" in traces.faulty.text()
    assert "torn.h5" in traces.faulty.toolTip()
    for name in ("torn.h5", "empty.h5"):
        (folder / name).unlink()
    window.trace_library.refresh()
    qtbot.waitUntil(lambda: not traces.faulty.isVisible())


def test_a_trace_from_a_file_is_not_kept_where_a_model_fails(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    window.opener.open(file)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    window.reasoner.trace_finished.emit()  # as if the first step ran out of memory: no trace was begun
    with qtbot.waitSignal(window.trace_library.added):
        window.trace_library.adopt(file)  # which comes after it
    assert [kept.automatic for kept in window.trace_library.traces] == [False]


def test_titles_tags_and_notes_are_written_as_one_leaves_them(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    traces = page(window)
    traces.open_path(file)
    qtbot.waitUntil(lambda: len(traces.chosen()) == 1)
    traces.details.tags.setText("#talk, hard talk")
    traces.details.tags.editingFinished.emit()
    qtbot.waitUntil(lambda: window.trace_library.traces[0].tags == ("talk", "hard"))
    traces.details.note.setFocus()
    traces.details.note.setPlainText("remember")
    traces.search.setFocus()
    qtbot.waitUntil(lambda: window.trace_library.traces[0].note == "remember")
    traces.search.setText("nothing like it")
    assert "No trace matches the search" in traces.empty.text()
    traces.search.setText("remember talk")
    assert len(traces.rows.rows) == 1


def test_deleting_is_undone(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    traces = page(window)
    traces.open_path(file)
    qtbot.waitUntil(lambda: len(traces.chosen()) == 1)
    traces.list.setFocus()
    traces.delete()
    qtbot.waitUntil(lambda: not window.trace_library.traces)
    assert not traces.empty.isHidden()
    traces.bar.undo.click()
    qtbot.waitUntil(lambda: len(window.trace_library.traces) == 1)


def test_files_dropped_on_the_page_are_taken_in_and_on_the_window_opened(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    window.dropEvent(drop)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    assert not window.trace_library.traces
    page(window).dropEvent(drop)
    qtbot.waitUntil(lambda: len(window.trace_library.traces) == 1)


def test_a_broken_file_is_explained_and_what_was_open_stays(window: MainWindow, qtbot: QtBot, file: Path, tmp_path: Path) -> None:
    window.opener.open(file)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    before = window.traces.trace
    bad = tmp_path / "bad.h5"
    bad.write_bytes(file.read_bytes()[:5000])
    window.opener.open(bad)
    qtbot.waitUntil(lambda: str(bad) in window.explore.panel.error.text())
    assert window.traces.trace is before
    assert window.opener.recent() == [file]  # not the broken one


@pytest.mark.parametrize("states", STATES)
def test_a_trace_of_every_kind_of_states_is_shown_by_every_view(window: MainWindow, qtbot: QtBot, tmp_path: Path, states: States) -> None:
    trace = synthetic(sudoku_info(NINE), segments=3)
    path = write(tmp_path / "t.h5", trace, states=states)
    window.opener.open(path)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    for dock in window.explore.docks.values():
        dock.show()
        dock.raise_()
        QApplication.processEvents()
        for step in (0, 3, len(trace) - 1):
            window.traces.set_cursor(step)
            window.selection.set((step, step + 1))
            assert not window.grab().isNull()
    view = window.explore.states
    window.explore.docks["States"].raise_()
    qtbot.waitUntil(view.isVisible)
    if states != "none":
        qtbot.waitUntil(lambda: bool(view.points))
    for mode in ("path", "cells", "heat"):
        view.set_mode(mode)
        assert not window.grab().isNull()
        if states != "none" and mode == "cells":
            assert ("averaged over the cells" in view.empty_label.text()) is (states == "pooled")
        qtbot.mouseClick(view.plots["H"].viewport(), Qt.MouseButton.LeftButton)
    assert read(path).has_states is (states != "none")


def test_the_open_trace_is_saved_as_chosen(
    window: MainWindow, qtbot: QtBot, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.actions_table.by_name["trace_save"].trigger()
    assert "no trace to save" in window.notice.text.text()
    window.opener.open(file)
    qtbot.waitUntil(lambda: window.traces.trace is not None)

    def choose(dialog: SaveTraceDialog) -> int:
        assert "MB" in dialog.choices["full"].text() or "kB" in dialog.choices["full"].text()
        dialog.choices["pooled"].setChecked(True)
        return QDialog.DialogCode.Accepted.value

    monkeypatch.setattr(SaveTraceDialog, "exec", choose)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    window.actions_table.by_name["trace_save"].trigger()
    qtbot.waitUntil((tmp_path / "mine.h5").exists)
    assert info(tmp_path / "mine.h5")[0].states == "pooled"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "where.h5"), ""))
    window.actions_table.by_name["trace_save"].trigger()
    qtbot.waitUntil(lambda: "where.h5: cannot be written" in window.notice.text.text())


def test_what_was_not_kept_cannot_be_saved(window: MainWindow) -> None:
    trace = synthetic(sudoku_info(NINE), segments=1)
    dialog = SaveTraceDialog(replace(trace, z_H=None, z_L=None), window)
    assert [dialog.choices[way].isEnabled() for way in STATES] == [False, False, False, True]
    assert dialog.states() == "none"


def test_keeping_the_open_trace(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    window.opener.open(file)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    window.actions_table.by_name["trace_keep"].trigger()
    qtbot.waitUntil(lambda: len(window.trace_library.traces) == 1)
    assert not window.trace_library.traces[0].automatic


# Pictures --------------------------------------------------------------------------------------------------------------


def test_the_open_trace_is_made_into_pictures(window: MainWindow, qtbot: QtBot, file: Path, tmp_path: Path) -> None:
    window.opener.open(file)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    window.traces.set_cursor(7)
    window.actions_table.by_name["trace_pictures"].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(ExportDialog)))
    (dialog,) = window.findChildren(ExportDialog)
    assert dialog.step.value() == 7
    for kind, check in (("png", True), ("csv", False)):
        dialog.kind.setCurrentIndex(dialog.kind.findData(kind))
        assert dialog.form.isRowVisible(dialog.rows["step"]) is check
        with qtbot.waitSignal(dialog.made):
            dialog.make(tmp_path / f"t.{kind}")
    with Image.open(tmp_path / "t.png") as image:
        assert image.width == 480
    assert (tmp_path / "t.csv").read_text().startswith("step,segment")
    for box in dialog.views.values():
        box.setChecked(False)
    dialog.kind.setCurrentIndex(dialog.kind.findData("png"))
    dialog.make(tmp_path / "no.png")
    assert "No view chosen" in dialog.error.text()
    dialog.views["board"].setChecked(True)
    dialog.make(tmp_path / "no" / "where.png")
    qtbot.waitUntil(lambda: "cannot be written" in dialog.error.text())
    dialog.close()


def test_an_animation_is_cancelled_and_leaves_nothing(qtbot: QtBot, file: Path, tmp_path: Path) -> None:
    exporter = Exporter()
    out = tmp_path / "t.gif"
    out.write_bytes(b"before")
    told: list[tuple[int, int]] = []
    exporter.progress.connect(lambda *at: told.append(at))
    exporter.start(file, "", Spec("gif", whole=True), out)
    qtbot.waitUntil(lambda: len(told) >= 2)
    with qtbot.waitSignal(exporter.failed) as caught:
        exporter.cancel()
    assert caught.args == [""]
    assert out.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("t.", ".t."))) == ["t.gif"]
    with qtbot.waitSignal(exporter.finished):
        exporter.start(file, "trace", Spec("gif", last=3, whole=True), out)
    with Image.open(out) as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]


def test_several_chosen_traces_are_saved_as_one_file(
    window: MainWindow, qtbot: QtBot, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces, out = page(window), tmp_path / "both"
    traces.open_path(file)
    traces.open_path(write(tmp_path / "other.h5", synthetic(sudoku_info(NINE), segments=1)))
    qtbot.waitUntil(lambda: len(traces.rows.rows) == 2)
    traces.list.selectAll()
    titles = [kept.title for kept in traces.chosen()]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    traces.save_copy()
    qtbot.waitUntil(lambda: f"Saved {out.with_suffix('.h5')}" in window.notice.text.text())
    assert [entry.title for entry in info(out.with_suffix(".h5"))] == titles


def test_one_of_several_traces_of_a_file_is_chosen(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    many = [synthetic(sudoku_info(NINE), segments=k) for k in (1, 2, 3)]
    path = write(tmp_path / "many.h5", many, extras=[Extras(f"puzzle {k}") for k in (1, 2, 3)])

    def shown() -> int:
        return 0 if window.traces.trace is None else window.traces.trace.segments

    window.opener.open(path)
    qtbot.waitUntil(lambda: shown() == 1)
    listed = window.explore.file_traces
    assert listed is not None
    assert listed.isVisible()
    assert [row.text(1) for row in listed.rows] == ["puzzle 1", "puzzle 2", "puzzle 3"]
    qtbot.keyClick(listed.list, Qt.Key.Key_Down)
    qtbot.keyClick(listed.list, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: shown() == 3)
    listed.search.setText("2")
    assert [row.isHidden() for row in listed.rows] == [True, False, True]
    window.opener.open(write(tmp_path / "one.h5", many[1]))
    qtbot.waitUntil(lambda: shown() == 2)
    assert not listed.isVisible()
    window.explore.show_others()
    assert listed.isVisible()
    assert len(listed.rows) == 1


def test_one_of_several_traces_is_made_into_a_table(qtbot: QtBot, tmp_path: Path) -> None:
    many = write(tmp_path / "many.h5", [synthetic(sudoku_info(NINE), segments=k) for k in (1, 2)])
    theme = Theme("light")
    dialog = ExportDialog(many, theme, QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
    dialog.show()
    qtbot.waitUntil(lambda: dialog.which.isVisible())
    dialog.which.setCurrentIndex(1)
    dialog.kind.setCurrentIndex(dialog.kind.findData("csv"))
    with qtbot.waitSignal(dialog.made):
        dialog.make(tmp_path / "t.csv")
    with TraceReader(many) as reader:
        steps = len(reader.read(reader.names[1]))
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1 + steps
    dialog.close()


def test_an_interrupted_file_is_shown_with_a_word_about_it(window: MainWindow, qtbot: QtBot, file: Path, tmp_path: Path) -> None:
    part = tmp_path / "killed.h5.part"
    part.write_bytes(file.read_bytes())
    with h5py.File(part, "r+") as written:
        written["trace/complete"][()] = 0
    window.opener.open(part)
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    assert "recording was interrupted" in window.explore.panel.error.text()
