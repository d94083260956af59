"""The timeline and the player: marks, range, loop, reverse, follow, bookmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QInputDialog
from pytestqt.qtbot import QtBot

from hrm_model.analysis.story import count_words
from hrm_studio import glossary
from hrm_studio.main_window import MainWindow
from hrm_studio.models import player as player_module
from hrm_studio.models.bookmarks import Bookmarks
from hrm_studio.models.player import Player
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import LIGHT, Theme
from hrm_studio.ui.board.narration import narrate
from hrm_studio.ui.board.timeline import _CHANGES, _CLEAN, _H, _L, TimelineView
from tests.support.traces import FOUR, cut_short, maze_info, sudoku_info, synthetic


class Clock:
    """A clock that moves only when the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(player_module.time, "perf_counter", lambda: self.now)

    def pass_(self, player: Player, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.now += 0.05
            if player.playing:
                player.advance()


@pytest.fixture
def traces(qtbot: QtBot) -> TraceModel:
    traces = TraceModel()
    traces.open(synthetic(sudoku_info(FOUR), segments=4), cursor=0)
    return traces


def test_speed_is_by_the_clock_and_a_pass_takes_its_seconds(traces: TraceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, player = Clock(monkeypatch), Player(traces)
    player.set_speed(6)
    player.play()
    clock.pass_(player, 1)
    assert traces.cursor in (5, 6)
    clock.now += 60  # the machine slept
    player.advance()
    assert traces.cursor < 9
    player.pause()
    player.set_pass_seconds(2)
    traces.set_cursor(0)
    player.play()
    clock.pass_(player, 1)
    assert traces.cursor in (11, 12)
    clock.pass_(player, 1.2)
    assert traces.cursor == 23
    assert not player.playing


def test_backwards_in_a_range_again_and_again(traces: TraceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, player = Clock(monkeypatch), Player(traces)
    player.set_speed(20)
    player.set_range((10, 4))
    assert (player.range, player.loop) == ((4, 10), True)
    player.reverse()
    player.play()
    assert traces.cursor == 10
    seen = []
    for _ in range(40):
        clock.pass_(player, 0.05)
        seen.append(traces.cursor)
    assert (min(seen), max(seen)) == (4, 10)
    assert sum(b > a for a, b in zip(seen, seen[1:], strict=False)) >= 3  # it started over
    assert player.playing
    player.set_loop(False)
    clock.pass_(player, 1)
    assert traces.cursor == 4
    assert not player.playing
    traces.open(synthetic(sudoku_info(FOUR), segments=2))
    assert player.range is None


def test_it_waits_for_more_or_follows(traces: TraceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, player = Clock(monkeypatch), Player(traces)
    trace = synthetic(sudoku_info(FOUR), segments=4)
    traces.open(cut_short(trace, 7), running=True, cursor=0, expected_steps=24)
    player.set_speed(48)
    player.play()
    clock.pass_(player, 1)
    assert (traces.cursor, player.playing) == (6, True)
    traces.extend(cut_short(trace, 13))
    clock.pass_(player, 1)
    assert traces.cursor == 12
    traces.set_cursor(2)
    player.set_follow(True)
    assert traces.cursor == 12
    traces.extend(trace)
    assert traces.cursor == 23
    traces.finish()
    clock.pass_(player, 0.2)
    assert not player.playing


def test_lanes_show_what_happened(traces: TraceModel, qtbot: QtBot) -> None:
    trace = traces.trace
    prediction = trace.prediction.copy()
    prediction[:] = trace.puzzle.solution
    prediction[:9, 3] = trace.puzzle.solution[3] % 5 + 2  # a rule is broken until step 9
    prediction = np.clip(prediction, 2, 5)
    trace = replace(trace, prediction=prediction, probability=np.eye(trace.probability.shape[2], dtype=np.float32)[prediction])
    traces.open(trace, cursor=23)
    view = TimelineView(traces, Theme("light"))
    qtbot.addWidget(view)
    view.resize(24 * 30 + 56, 86)
    view.show()

    def colour(step: int, lane: tuple[int, int]) -> str:
        image = view.grab().toImage()
        return image.pixelColor(round(view.x_of(step + 0.3)), round(lane[0] + lane[1] * 0.7)).name()

    assert [colour(k, _H) == LIGHT.level_H for k in range(6)] == [False, False, True, False, False, True]
    assert [colour(k, _L) == LIGHT.level_L for k in range(6)] == [True, True, False, True, True, False]
    assert colour(9, _CHANGES) == LIGHT.warning
    assert colour(10, _CHANGES) != LIGHT.warning
    assert [colour(k, (_CLEAN[0], _CLEAN[1])) == LIGHT.right for k in (4, 9, 20)] == [False, True, True]
    assert "1 cell changed" in view.tip(9)
    assert "No rule is broken" in view.tip(9)
    assert "★" in view.tip(9)
    traces.set_cursor(2)
    assert colour(5, _H) != LIGHT.level_H  # what lies ahead is faint


def test_what_is_right_and_lost_again_is_marked_as_such(traces: TraceModel, qtbot: QtBot) -> None:
    trace = traces.trace
    right = np.tile(trace.puzzle.solution, (len(trace), 1))
    right[:4, 1], right[9:, 1] = 0, 0  # from step 4 to 8 only
    traces.open(replace(trace, prediction=right), cursor=12)
    assert (traces.verdict.first_right, traces.verdict.solved) == (4, None)
    view = TimelineView(traces, Theme("light"))
    qtbot.addWidget(view)
    view.resize(24 * 30 + 56, 86)
    assert "☆" in view.tip(4)
    assert "★" not in view.tip(4)
    image = view.grab().toImage()
    column = [image.pixelColor(round(view.x_of(4)), y) for y in range(18, 64)]
    assert any(QColor(LIGHT.right).name() == colour.name() for colour in column)  # the line at its step
    right[9:, 1] = trace.puzzle.solution[1]
    traces.open(replace(trace, prediction=right))
    assert (traces.verdict.first_right, traces.verdict.solved) == (4, 4)
    right[20, 1] = 0  # lost once more, in the last segment, and right from step 21 on
    traces.open(replace(trace, prediction=right.copy()))
    assert (traces.verdict.first_right, traces.verdict.solved) == (4, 21)
    assert "☆" in view.tip(4)
    assert "★" in view.tip(21)
    right[20, 1] = trace.puzzle.solution[1]
    traces.open(replace(trace, prediction=right))
    assert "☆" not in view.tip(4)
    assert "★" in view.tip(4)


def test_a_whole_segment_tells_what_the_marks_of_its_number_mean(traces: TraceModel, qtbot: QtBot) -> None:
    trace = traces.trace
    right = np.tile(trace.puzzle.solution, (len(trace), 1))
    right[:8, 1] = 0  # solved within the second segment, after which it would halt
    traces.open(replace(trace, prediction=right, q_halt=np.array([-1, 1, 1, 1]), q_continue=np.zeros(4)), cursor=0)
    view = TimelineView(traces, Theme("light"))
    qtbot.addWidget(view)
    for step in range(6, 12):
        assert ("right from here on" if step == 8 else "right from 2.1.H on") in view.tip(step)
        assert "◆" in view.tip(step)
    assert not set("★◆") & set(view.tip(5) + view.tip(12))
    letters = [view.letter_at(QPoint(10, top + 4)) for top, _ in (_CHANGES, _H, _L, _CLEAN)]
    assert letters == ["Δ", "H", "L", ""]
    assert all(glossary.find(letter) for letter in letters[:3])


def test_nearly_all_is_not_shown_as_all(traces: TraceModel) -> None:
    trace = synthetic(maze_info(30), segments=1)
    nearly = np.tile(trace.puzzle.solution, (len(trace), 1))
    nearly[:, np.flatnonzero(trace.puzzle.solution == 5)[3]] = 2
    traces.open(replace(trace, prediction=nearly), cursor=2)
    counts = traces.verdict.counts
    assert count_words(counts, 2)[:2] == [f"{counts.cells - 1} of {counts.cells} cells right", "1 wrong"]
    assert "slow module H" in narrate(traces.trace, 2)[0]


def test_a_long_trace_is_drawn_as_a_picture(qtbot: QtBot) -> None:
    traces = TraceModel()
    traces.open(synthetic(sudoku_info(FOUR), segments=512, width=2))
    view = TimelineView(traces, Theme("dark"))
    qtbot.addWidget(view)
    view.resize(900, 86)
    view.show()
    assert not view.grab().isNull()
    kept = dict(view._kept)
    traces.set_cursor(17)
    view.grab()
    assert {k: id(v) for k, v in kept.items()} == {k: id(v) for k, v in view._kept.items()}


def test_a_range_is_dragged_with_shift(traces: TraceModel, qtbot: QtBot) -> None:
    player = Player(traces)
    view = TimelineView(traces, Theme("light"), player)
    qtbot.addWidget(view)
    view.resize(24 * 30 + 56, 86)
    view.show()
    cursor = traces.cursor
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, shift, QPoint(round(view.x_of(5.5)), 40))
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    place = QPointF(view.x_of(12.5), 40)
    view.mouseMoveEvent(
        QMouseEvent(QEvent.Type.MouseMove, place, view.mapToGlobal(place), Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, shift)
    )
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, shift, place.toPoint())
    assert player.range == (5, 12)
    assert traces.cursor == cursor
    plain = view.grab().toImage()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, shift, QPoint(100, 40))
    assert player.range is None
    assert view.grab().toImage() != plain


def test_bookmarks_are_kept_for_the_same_model_and_puzzle(traces: TraceModel, tmp_path: Path, qtbot: QtBot) -> None:
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    marks = Bookmarks(traces, settings)
    marks.set(9, "here it turns")
    marks.set(3, "")
    assert list(marks.notes) == [3, 9]
    assert [marks.next_from(5, 1), marks.next_from(5, -1), marks.next_from(9, 1)] == [9, 3, None]
    same = traces.trace
    traces.open(synthetic(sudoku_info(), segments=1))
    assert not marks.notes
    again = TraceModel()
    fresh = Bookmarks(again, QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
    settings.sync()
    again.open(same)
    assert fresh.notes == {3: "", 9: "here it turns"}
    fresh.remove(3)
    assert fresh.notes == {9: "here it turns"}
    settings.setValue("bookmarks", "{broken")
    assert Bookmarks(traces, settings)._stored() == {}


def test_a_double_click_asks_for_a_note(window: MainWindow, traces: TraceModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    window.traces.open(traces.trace, cursor=4)
    transport = window.explore.transport
    monkeypatch.setattr(QInputDialog, "getText", staticmethod(lambda *a, **k: (" look ", True)))
    line = transport.timeline
    qtbot.mouseDClick(line, Qt.MouseButton.LeftButton, pos=QPoint(round(line.x_of(7.5)), 40))
    assert window.explore.bookmarks.notes == {7: "look"}
    window.traces.set_cursor(7)
    assert "look" in transport.counts.text()
    monkeypatch.setattr(QInputDialog, "getText", staticmethod(lambda *a, **k: ("", True)))
    window.actions_table.by_name["bookmark"].trigger()
    assert not window.explore.bookmarks.notes
    window.actions_table.by_name["loop"].trigger()
    assert window.player.loop
    assert window.actions_table.by_name["loop"].isChecked()
    transport.speed.setCurrentIndex(transport.speed.findData(-10))
    transport.speed.activated.emit(transport.speed.currentIndex())
    assert window.player.pass_seconds == 10
