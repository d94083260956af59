"""Boards of all tasks: what is painted where, and what the mouse does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import LIGHT, Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.explore.board_panel import BoardPanel
from tests.support.traces import FOUR, arc_info, maze_info, sudoku_info, synthetic

INFOS = {"sudoku-9x9": sudoku_info(), "sudoku-4x4": sudoku_info(FOUR), "maze": maze_info(15), "arc": arc_info()}


def panel_of(trace: Trace | None, qtbot: QtBot, cursor: int | None = None) -> BoardPanel:
    traces, selection = TraceModel(), Selection()
    panel = BoardPanel(traces, selection, Theme("light"))
    panel.models = (traces, selection)
    traces.setParent(panel)
    selection.setParent(panel)
    qtbot.addWidget(panel)
    panel.resize(640, 760)
    panel.show()
    if trace is not None:
        traces.open(trace, cursor=cursor)
    return panel


def colour_at(panel: BoardPanel, cell: int, grid: int = 0, dx: float = 0.0, dy: float = 0.0) -> QColor:
    """The colour at a point of a cell: (0, 0) is its middle, ±0.5 are its edges."""
    board = panel.board
    box = board.drawing.cell_rects(board.board_rect(), cell)[grid]
    return board.grab().toImage().pixelColor(round(box.center().x() + dx * box.width()), round(box.center().y() + dy * box.height()))


@pytest.mark.parametrize("task", INFOS)
def test_every_cell_is_where_it_is_drawn(task: str, qtbot: QtBot) -> None:
    panel = panel_of(synthetic(INFOS[task], segments=2), qtbot)
    board, cells = panel.board, len(INFOS[task].given)
    place = board.board_rect()
    drawn = 0
    for cell in range(cells):
        for box in board.drawing.cell_rects(place, cell):
            assert board.cell_at(box.center()) == cell
            drawn += 1
    assert drawn == (3 * 9 * 12 if task == "arc" else cells)
    assert board.cell_at(QPointF(1, 1)) is None


def test_a_maze_shows_walls_path_and_what_is_wrong(qtbot: QtBot) -> None:
    info = maze_info(11)
    trace = synthetic(info, segments=8)
    panel = panel_of(trace, qtbot, cursor=len(trace) - 1)
    path, wall = int(np.flatnonzero(info.solution == 5)[3]), int(np.flatnonzero(info.given == 1)[0])
    assert colour_at(panel, path).name() == LIGHT.answer
    assert colour_at(panel, wall).lightness() < colour_at(panel, int(np.flatnonzero(info.solution == 2)[0])).lightness()
    other = trace.prediction.copy()
    other[-1, path] = 2
    panel.models[0].open(replace(trace, prediction=other))
    ring = colour_at(panel, path, dx=0.26)
    assert ring.red() > ring.blue() + 80
    assert "solution: path" in panel.board.tip(path)


def test_a_broken_path_of_a_maze_is_underlined(qtbot: QtBot) -> None:
    info = maze_info(11)
    trace = synthetic(info, segments=2)
    prediction = np.tile(info.solution, (len(trace), 1))
    path = np.flatnonzero(info.solution == 5)
    gone = int(path[len(path) // 2])
    prediction[:, gone] = 2
    whole = replace(info, solution=None)  # rules need no solution
    panel = panel_of(replace(trace, prediction=prediction, puzzle=whole), qtbot, cursor=3)
    panel.board.show_overlays(candidates=False)
    ends = [c for c in (gone - 1, gone + 1, gone - 11, gone + 11) if 0 <= c < 121 and prediction[0, c] in (3, 4, 5)]
    assert len(ends) == 2
    for cell in range(24, 97):  # beside the discs of start and goal
        underlined = near(colour_at(panel, cell, dy=0.38), LIGHT.wrong, 60)
        assert underlined == (cell in ends), cell
    wall = int(np.flatnonzero(info.given == 1)[0])
    before = colour_at(panel, wall)
    panel.switches["confidence"].click()
    assert colour_at(panel, wall) == before  # no answer to be sure of


def test_an_arc_board_shows_input_answer_and_expectation(qtbot: QtBot) -> None:
    info = arc_info()
    panel = panel_of(synthetic(info, segments=8), qtbot)
    from hrm_studio.ui.board.arc import COLOURS

    for cell in (0, 5, 31):
        for grid, tokens in ((0, info.given), (1, info.solution), (2, info.solution)):
            assert near(colour_at(panel, cell, grid, -0.32, 0.35), COLOURS[tokens[cell] - 2], 40), (cell, grid)
    unknown = replace(info, solution=None)
    panel.models[0].open(replace(synthetic(info, segments=2), puzzle=unknown))
    assert len(panel.board.drawing.boards) == 2
    assert not panel.grab().isNull()


def near(found: QColor, wanted: str, apart: int) -> bool:
    want = QColor(wanted)
    return max(abs(found.red() - want.red()), abs(found.green() - want.green()), abs(found.blue() - want.blue())) <= apart


@pytest.mark.parametrize("task", INFOS)
def test_switches_are_those_of_the_task_and_change_the_picture(task: str, qtbot: QtBot) -> None:
    panel = panel_of(synthetic(INFOS[task], segments=3, solves=False), qtbot, cursor=5)
    assert list(panel.switches) == [overlay.name for overlay in panel.board.drawing.offers]
    for name, switch in panel.switches.items():
        before = panel.board.grab().toImage()
        switch.click()
        assert getattr(panel.board.overlays, name) == switch.isChecked()
        assert panel.board.grab().toImage() != before, name


def test_what_is_said_of_a_step_explains_itself(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(INFOS["sudoku-9x9"], segments=3), qtbot, cursor=1)
    assert "works out details" in panel.what.text()
    assert "fast network" in panel.what.toolTip()
    assert "round of reasoning" in panel.outcome.toolTip()
    panel._traces.set_cursor(2)
    assert "slow network" in panel.what.toolTip()


def test_zooming_keeps_what_is_under_the_mouse(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(maze_info(30), segments=1), qtbot)
    board = panel.board
    point = QPointF(150, 200)
    cell = board.cell_at(point)
    before = board.models if hasattr(board, "models") else panel.models[0].cursor

    def wheel(modifiers: Qt.KeyboardModifier, delta: int) -> None:
        event = QWheelEvent(point, board.mapToGlobal(point), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifiers,
                            Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
        board.wheelEvent(event)

    for _ in range(6):
        wheel(Qt.KeyboardModifier.ControlModifier, 120)
    assert board.zoom == pytest.approx(1.2**6)
    assert board.cell_at(point) == cell
    assert panel.models[0].cursor == before
    wheel(Qt.KeyboardModifier.NoModifier, 120)
    assert panel.models[0].cursor == before - 1
    qtbot.mouseDClick(board, Qt.MouseButton.LeftButton, pos=point.toPoint())
    assert board.zoom == 1


def test_the_keyboard_zooms_on_what_is_selected(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(INFOS["maze"], segments=1), qtbot)
    board = panel.board
    board.zoom_step(1)
    middle = QPointF(board.width() / 2, board.height() / 2)
    assert board.zoom == pytest.approx(1.5)
    assert board.cell_at(middle) == 7 * 15 + 7
    board.reset_zoom()
    panel.models[1].set((3 * 15 + 11,))
    for _ in range(4):
        board.zoom_step(1)
    assert board.cell_at(middle) == 3 * 15 + 11
    for _ in range(9):
        board.zoom_step(-1)
    assert board.zoom == 1
    assert board._offset == QPointF(0, 0)


def test_cells_are_selected_by_click_sweep_and_key(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(sudoku_info(), segments=1), qtbot)
    board, selection = panel.board, panel.models[1]
    place = board.board_rect()
    middle = [board.drawing.cell_rects(place, cell)[0].center().toPoint() for cell in range(81)]
    qtbot.mouseClick(board, Qt.MouseButton.LeftButton, pos=middle[10])
    assert selection.cells == {10}
    qtbot.mouseClick(board, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, pos=middle[40])
    assert selection.cells == {10, 40}
    qtbot.keyClick(board, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert selection.cells == {19}
    qtbot.mousePress(board, Qt.MouseButton.LeftButton, pos=middle[0])
    drag(board, middle[30])  # at once, as a quick hand does
    assert selection.cells == {row * 9 + column for row in range(4) for column in range(4)}
    drag(board, middle[11])  # back again
    assert selection.cells == {0, 1, 2, 9, 10, 11}
    qtbot.mouseRelease(board, Qt.MouseButton.LeftButton, pos=middle[11])
    qtbot.mouseClick(board, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, pos=middle[18])
    assert selection.cells == {0, 9, 18}
    qtbot.mousePress(board, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, pos=middle[80])
    drag(board, middle[79])
    qtbot.mouseRelease(board, Qt.MouseButton.LeftButton, pos=middle[79])
    assert selection.cells == {0, 9, 18, 79, 80}
    qtbot.mouseClick(board, Qt.MouseButton.LeftButton, pos=middle[40])
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right):
        qtbot.keyClick(board, key, Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier)
    assert selection.cells == {40, 41, 49, 50}


def drag(board: BoardView, place: QPoint) -> None:
    """Move the mouse with the left button down; QTest.mouseMove tells of no button."""
    where = QPointF(place)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        where,
        board.mapToGlobal(where),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(board, event)


def test_the_right_button_asks_for_a_menu_about_the_cell(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(sudoku_info(), segments=1), qtbot)
    board, selection = panel.board, panel.models[1]
    asked: list[int] = []
    board.menu_wanted.connect(lambda cell, place: asked.append(cell))
    middle = board.drawing.cell_rects(board.board_rect(), 40)[0].center().toPoint()
    for reason, place in (
        (QContextMenuEvent.Reason.Mouse, middle),
        (QContextMenuEvent.Reason.Mouse, QPoint(1, 1)),
        (QContextMenuEvent.Reason.Keyboard, QPoint(1, 1)),
    ):
        selection.set((7, 12))
        QApplication.sendEvent(board, QContextMenuEvent(reason, place, board.mapToGlobal(place)))
    assert asked == [40, 7]


def test_the_strip_jumps_and_follows(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(sudoku_info(FOUR), segments=40), qtbot, cursor=0)
    strip, traces = panel.strip, panel.models[0]
    assert strip.first_board == 0
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(2.5 * strip.pitch()), 30))
    assert traces.cursor == 17
    traces.set_cursor(239)
    assert strip.first_board == 40 - strip.boards_in_view()
    strip.set_every_step(True)
    assert len(strip.stops) == 240
    assert strip.stop_at((strip.boards_in_view() - 0.5) * strip.pitch()) == 239
    panel.grab()
    assert len(strip._pictures) <= 2 * (strip.boards_in_view() + 2)
    strip.set_every_step(False)
    traces.set_cursor(0)
    traces.set_cursor(6 * strip.boards_in_view() - 1)  # the last board in sight: a narrower strip continues with it
    panel.resize(420, 760)
    panel.grab()
    assert strip.first_board <= strip.current_board() <= strip.first_board + strip.boards_in_view() - 1


def test_a_narrow_grid_has_room_for_its_numbers(qtbot: QtBot) -> None:
    canvas = np.zeros((30, 30), int)
    canvas[:10, 0] = 4
    canvas[10, :2] = canvas[:11, 1] = 1
    info = PuzzleInfo("arc", canvas.ravel(), canvas.ravel())
    panel = panel_of(synthetic(info, segments=12), qtbot)
    assert panel.board.drawing.small_aspect == pytest.approx(0.1)
    assert panel.strip.pitch() > panel.fontMetrics().horizontalAdvance("12 ★")


def test_a_hidden_board_follows_nothing_and_catches_up(qtbot: QtBot) -> None:
    panel = panel_of(synthetic(sudoku_info(FOUR), segments=4), qtbot, cursor=0)
    traces = panel.models[0]
    told = panel.what.text()
    panel.hide()
    assert not panel.following
    traces.set_cursor(5)
    assert panel.what.text() == told
    panel.show()
    assert "slow module" in panel.what.text()


def test_nothing_and_the_unknown_are_explained(qtbot: QtBot) -> None:
    panel = panel_of(None, qtbot)
    assert panel.board.drawing is None
    assert not panel.grab().isNull()
    info = sudoku_info(FOUR)
    trace = replace(synthetic(info, segments=1), puzzle=PuzzleInfo("chess", info.given, info.solution))
    panel.models[0].open(trace)
    assert panel.board.tip(3) == ""
    assert not panel.grab().isNull()
