"""The trace library: traces are added, found, annotated, deleted and restored; automatic ones keep to their limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from hrm_model.recording import record
from hrm_model.trace.data import Trace
from hrm_model.trace_file.io import read, write
from hrm_studio.models.trace_library import TraceLibrary
from hrm_studio.models.trace_shelf import Shelf
from tests.support.models import tiny
from tests.support.traces import FOUR, sudoku_info


@pytest.fixture(scope="module")
def trace() -> Trace:
    return record(tiny(), sudoku_info(FOUR), "tiny", segments=2)


def variant(trace: Trace, k: int) -> Trace:
    return replace(trace, q_halt=trace.q_halt + np.float32(k))


@pytest.fixture
def library(qtbot: QtBot, tmp_path: Path) -> Iterator[TraceLibrary]:
    made = TraceLibrary(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat), folder=tmp_path / "traces")
    yield made
    made.close()


def holds(qtbot: QtBot, library: TraceLibrary, count: int) -> None:
    qtbot.waitUntil(lambda: len(library.traces) == count)


def test_a_recorded_trace_is_kept_once(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    library.keep_automatically(trace)
    holds(qtbot, library, 1)
    library.keep_automatically(trace)
    library.keep_automatically(variant(trace, 1))
    holds(qtbot, library, 2)
    kept = library.traces[0]
    assert (kept.title, kept.task, kept.model, kept.segments, kept.steps) == ("Sudoku 4×4, 6 clues", "sudoku-4x4", "tiny", 2, 12)
    assert (kept.solved, kept.states, kept.automatic) == (False, "float16", True)
    assert kept.nbytes == kept.path.stat().st_size
    back = read(kept.path)
    assert back.z_L is not None
    assert trace.z_L is not None
    assert back.z_L.tobytes() == trace.z_L.astype(np.float16).tobytes()


def test_keeping_by_hand_keeps_all_states_and_what_was_written(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    library.keep_automatically(trace)
    holds(qtbot, library, 1)
    library.change(library.traces[0], note="mine", tags=("a", "b"))
    qtbot.waitUntil(lambda: library.traces[0].note == "mine")
    assert not library.traces[0].automatic
    with qtbot.waitSignal(library.added):
        library.keep(trace)
    (kept,) = library.traces
    assert (kept.note, kept.tags, kept.states, kept.automatic) == ("mine", ("a", "b"), "full", False)
    assert read(kept.path).z_L.dtype == np.float32  # type: ignore[union-attr]


def test_the_oldest_traces_go_if_there_is_no_more_room(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    library.keep(variant(trace, 100))
    for k in range(5):
        library.keep_automatically(variant(trace, k))
    holds(qtbot, library, 6)
    one = library.traces[0].nbytes
    shelf = Shelf(library.shelf.folder)
    gone = shelf.make_room(2 * one + 100)
    assert len(gone) == 3
    rest = shelf.all()
    assert [kept.automatic for kept in rest] == [True, True, False]
    assert {kept.path for kept in rest[:2]} == {kept.path for kept in library.traces[:2]}  # the newest
    library.set_limit_mb(0)
    holds(qtbot, library, 1)
    library.keep_automatically(variant(trace, 7))
    library.refresh()
    qtbot.wait(100)
    assert len(library.traces) == 1


def test_search_goes_through_all_words(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    solved = replace(trace, prediction=np.tile(sudoku_info(FOUR).solution, (len(trace), 1)))  # type: ignore[arg-type]
    library.keep(solved)
    library.keep(trace)
    holds(qtbot, library, 2)
    library.change(library.traces[0], note="for the talk", tags=("monday",))
    qtbot.waitUntil(lambda: bool(library.traces[0].note))
    assert [len(library.find(text)) for text in ("", "sudoku tiny", "solved", "unsolved", "MONDAY talk", "monday tuesday", "clues 6")] == [
        2, 2, 1, 1, 1, 0, 2,
    ]  # fmt: skip
    assert library.find("solved")[0].solved_in == 1


def test_deleted_traces_come_back_until_the_studio_is_closed(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    library.keep(trace)
    library.keep(variant(trace, 1))
    holds(qtbot, library, 2)
    gone = list(library.traces)
    library.delete(gone)
    holds(qtbot, library, 0)
    library.undelete(gone)
    holds(qtbot, library, 2)
    assert library.traces == gone
    library.delete(gone[:1])
    holds(qtbot, library, 1)
    library.close()
    assert not (library.shelf.trash).exists()
    assert len(Shelf(library.shelf.folder).all()) == 1


def test_files_from_elsewhere_are_copied_or_refused(qtbot: QtBot, library: TraceLibrary, trace: Trace, tmp_path: Path) -> None:
    file = write(tmp_path / "talk.h5", [trace, trace])
    for count in (1, 2):
        library.adopt(file)
        holds(qtbot, library, count)
    assert [kept.path.name for kept in library.traces] in (["talk-2.h5", "talk.h5"], ["talk.h5", "talk-2.h5"])
    assert library.traces[0].others == 1
    (tmp_path / "bad.h5").write_bytes(file.read_bytes()[:3000])
    with qtbot.waitSignal(library.refused) as caught:
        library.adopt(tmp_path / "bad.h5")
    assert str(tmp_path / "bad.h5") in caught.args[0]
    assert len(library.traces) == 2


def test_a_folder_that_others_wrote_into(qtbot: QtBot, library: TraceLibrary, trace: Trace) -> None:
    """Trace files without a description are added; damaged files and descriptions do no harm."""
    folder = library.shelf.folder
    folder.mkdir()
    write(folder / "a.h5", trace)
    write(folder / "b.h5", trace)
    (folder / "b.json").write_text("{")
    (folder / "c.h5").write_bytes(b"nothing")
    (folder / "d.json").write_text(json.dumps({"title": "no trace"}))
    library.refresh()
    holds(qtbot, library, 2)


def test_a_folder_that_cannot_be_written_is_reported(qtbot: QtBot, tmp_path: Path, trace: Trace) -> None:
    (tmp_path / "traces").write_text("a file stands where the folder should be")
    library = TraceLibrary(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat), folder=tmp_path / "traces")
    with qtbot.waitSignal(library.refused) as caught:
        library.keep_automatically(trace)
    assert "traces" in caught.args[0]
    library.close()


def test_a_file_that_cannot_be_read_is_named_and_hides_no_other(tmp_path: Path, trace: Trace) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "torn.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "nowhere.h5").symlink_to(tmp_path / "gone")
    kept = shelf.add(trace, automatic=False)
    assert [each.path for each in shelf.all()] == [kept.path]
    assert sorted(path.name for path in shelf.faults) == ["nowhere.h5", "torn.h5"]
    assert all(str(path) in told for path, told in shelf.faults.items())
    (tmp_path / "torn.h5").unlink()
    shelf.all()
    assert [path.name for path in shelf.faults] == ["nowhere.h5"]
