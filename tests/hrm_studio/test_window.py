"""The real window with the real model: what a user does, and what must not break."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from hrm_model.assets import puzzle_lines
from hrm_model.tasks.sudoku.grid import format_line, from_tokens
from hrm_studio.main_window import MainWindow
from hrm_studio.theme import DARK, LIGHT
from hrm_studio.ui.plots.plot import Plot
from tests.support.evil import Evil
from tests.support.puzzles import STARTER_4


@pytest.fixture
def window(window: MainWindow) -> MainWindow:
    window.explore.panel.segments.setValue(3)
    window.player.set_speed(120)
    return window


@pytest.fixture
def solved(window: MainWindow, qtbot: QtBot) -> MainWindow:
    window.explore.panel.text.setPlainText(STARTER_4)
    window.explore.panel.submit()
    finished(window, qtbot)
    window.player.pause()
    return window


def finished(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.traces.trace is not None and not window.traces.running)


def test_it_opens_and_solves_a_bundled_puzzle_by_itself(window: MainWindow, qtbot: QtBot) -> None:
    window.begin()
    qtbot.waitUntil(lambda: window.traces.trace is not None)
    finished(window, qtbot)
    qtbot.waitUntil(lambda: not window.player.playing)
    trace = window.traces.trace
    assert trace is not None
    assert trace.puzzle.text in [x.replace("0", ".") for x in puzzle_lines("starter")]
    assert window.traces.cursor == len(trace) - 1 == 17
    assert "cpu" in window.status.device.text()


def test_stepping_by_keys_moves_one_cursor_for_all(solved: MainWindow, qtbot: QtBot) -> None:
    traces = solved.traces
    solved.explore.board.setFocus()
    for name, cursor in [("to_start", 0), ("step_on", 1), ("step_on", 2), ("step_back", 1), ("cycle_on", 2), ("cycle_on", 5), ("segment_on", 11),
                         ("cycle_back", 8), ("segment_back", 5), ("to_end", 17), ("step_on", 17)]:  # fmt: skip
        solved.actions_table.by_name[name].trigger()
        assert traces.cursor == cursor, name
    qtbot.keyClick(solved, Qt.Key.Key_Home)
    assert traces.cursor == 0
    assert solved.explore.transport.position.text() == "Segment 1 · H-cycle 1 · L-step 1"
    qtbot.keyClick(solved, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert traces.cursor == 5
    assert solved.explore.transport.position.text() == "Segment 1 · H-cycle 2 · H step"


def test_keys_in_the_puzzle_box_write_and_do_not_step(solved: MainWindow, qtbot: QtBot) -> None:
    solved.traces.set_cursor(4)
    solved.activateWindow()
    solved.explore.panel.edit_as_text()
    qtbot.waitUntil(solved.explore.panel.text.hasFocus)
    before = solved.explore.panel.text.toPlainText()
    qtbot.keyClick(solved.explore.panel.text, Qt.Key.Key_Space)
    qtbot.keyClick(solved.explore.panel.text, Qt.Key.Key_Left)
    assert len(solved.explore.panel.text.toPlainText()) == len(before) + 1
    assert solved.traces.cursor == 4
    assert not solved.player.playing


def test_the_timeline_is_clicked_and_the_wheel_scrubs(solved: MainWindow, qtbot: QtBot) -> None:
    line = solved.explore.transport.timeline
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPointF(line.width() / 2, 40).toPoint())
    assert solved.traces.cursor == 9
    assert "slow module" in line.tip(2)
    assert "preview" in line.tip(0)


def test_the_board_explains_and_selects_cells(solved: MainWindow, qtbot: QtBot) -> None:
    board = solved.explore.board
    place = board.board_rect()
    corner = QPointF(place.left() + 5, place.top() + 5)
    assert board.cell_at(corner) == 0
    assert board.cell_at(QPointF(place.right() - 5, place.bottom() - 5)) == 15
    qtbot.mouseClick(board, Qt.MouseButton.LeftButton, pos=corner.toPoint())
    assert solved.selection.cells == {0}
    assert "Row 1, column 1" in board.tip(0)
    assert "solution" in board.tip(3)


def test_playing_starts_over_at_the_end_and_stops_there(solved: MainWindow, qtbot: QtBot) -> None:
    solved.traces.set_cursor(17)
    solved.player.play()
    assert solved.traces.cursor == 0
    qtbot.waitUntil(lambda: not solved.player.playing)
    assert solved.traces.cursor == 17


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12", "2 cells"),
        (STARTER_4[:-1] + "q", "'q'"),
        ("11" + "." * 14, "1 appears twice in one row: at row 1, column 1 and at row 1, column 2"),
        ("." * 16, "several solutions"),
        ("123." + "...4" + "." * 8, "no solution"),
    ],
)
def test_bad_puzzles_are_explained_and_what_was_open_stays(solved: MainWindow, qtbot: QtBot, text: str, words: str) -> None:
    before = solved.traces.trace
    solved.explore.panel.edit_as_text()
    solved.explore.panel.text.setPlainText(text)
    solved.explore.panel.submit()
    qtbot.waitUntil(lambda: not solved.explore.panel.error.isHidden())
    assert words in solved.explore.panel.error.text()
    assert solved.traces.trace is before
    assert solved.explore.panel.text.toPlainText() == text
    panel, read = solved.explore.panel, words not in ("2 cells", "'q'")
    qtbot.waitUntil(lambda: panel.known.isHidden() == read)  # the error is shown once
    assert panel.stale.isHidden() != read  # and if the puzzle is another one, that the board shows the previous one
    solved.explore.panel.text.setPlainText(STARTER_4)
    solved.explore.panel.submit()
    assert solved.explore.panel.error.isHidden()
    qtbot.waitUntil(lambda: not panel.known.isHidden() and panel.stale.isHidden())
    qtbot.waitUntil(lambda: solved.traces.trace is not before)
    finished(solved, qtbot)


def test_bad_input_leaves_a_running_model_alone(solved: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "step_1").write_bytes(b"no checkpoint")
    unsolvable = "123." + "...4" + "." * 8

    def paste(text: str) -> None:
        QApplication.clipboard().setText(text)
        solved.explore.panel.paste()

    for disturb in (lambda: paste("11" + STARTER_4[2:]), lambda: paste(unsolvable), lambda: solved.open_model(bad)):
        solved.explore.panel.segments.setValue(100)
        paste(STARTER_4)
        qtbot.waitUntil(lambda: solved.traces.running and len(solved.traces.trace) > 12)  # type: ignore[arg-type]
        disturb()
        qtbot.waitUntil(lambda: not solved.explore.panel.error.isHidden())
        finished(solved, qtbot)
        assert len(solved.traces.trace) == 600  # type: ignore[arg-type]
        assert solved.traces.trace.puzzle.text == STARTER_4  # type: ignore[union-attr]


def test_low_windows_pile_the_panels_up_and_high_ones_spread_them(solved: MainWindow, qtbot: QtBot) -> None:
    docks = solved.explore.docks
    for height, tabbed in ((700, 3), (900, 1), (700, 3)):
        solved.resize(1024, height)
        qtbot.waitUntil(lambda tabbed=tabbed: len(solved.explore.tabifiedDockWidgets(docks["States"])) == tabbed)
        qtbot.waitUntil(solved.explore.states.isVisible)
    docks["Curves"].setFloating(True)  # from now on the layout is the person's own
    solved.resize(1024, 900)
    qtbot.wait(50)
    assert docks["Curves"].isFloating()


def test_bad_checkpoints_are_refused_and_what_was_open_stays(solved: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    before = solved.traces.trace
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "step_1").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    for path in (tmp_path / "nowhere", evil):
        solved.explore.panel.show_error("")
        solved.open_model(path)
        qtbot.waitUntil(lambda: not solved.explore.panel.error.isHidden())
        assert str(path) in solved.explore.panel.error.text()
        assert solved.traces.trace is before
    assert not (tmp_path / "ran").exists()
    # The model that could not be loaded is dropped: the one before it continues.
    solved.explore.panel.reason.click()
    qtbot.waitUntil(lambda: solved.traces.trace is not before)
    assert solved.explore.panel.error.isHidden()


def test_a_generated_puzzle_is_shown_and_solved(solved: MainWindow, qtbot: QtBot) -> None:
    solved.explore.panel.maker.task.setCurrentIndex(solved.explore.panel.maker.task.findData("sudoku-4x4"))
    solved.explore.panel.maker.clues.setValue(7)
    before = solved.traces.trace
    solved.explore.panel.generate.click()
    qtbot.waitUntil(lambda: solved.traces.trace is not before and not solved.traces.running)
    trace = solved.traces.trace
    assert trace is not None
    assert (trace.puzzle.given > 1).sum() == 7
    assert trace.puzzle.text in solved.explore.panel.text.toPlainText().replace(" ", "").replace("|", "").replace("-", "").replace(
        "+", ""
    ).replace("\n", "")
    assert format_line(from_tokens(trace.puzzle.solution)).count(".") == 0


def test_a_new_job_cancels_the_one_before(solved: MainWindow, qtbot: QtBot) -> None:
    solved.explore.panel.segments.setValue(500)
    solved.explore.panel.submit()
    solved.explore.panel.segments.setValue(2)
    solved.explore.panel.submit()
    qtbot.waitUntil(lambda: solved.traces.trace is not None and len(solved.traces.trace) == 12 and not solved.traces.running)


def test_states_and_curves_follow(solved: MainWindow, qtbot: QtBot) -> None:
    trace = solved.traces.trace
    assert trace is not None
    assert trace.z_L is not None
    rows = len(trace.z_L)
    qtbot.waitUntil(lambda: bool(solved.explore.states.points) and len(solved.explore.states.points["L"].path) == rows)
    curves = solved.explore.curves
    qtbot.waitUntil(lambda: curves.known is not None and len(curves.known.residual) == len(trace))
    accent = QColor(solved.theme.palette.accent)
    for step in (7, 2):
        solved.traces.set_cursor(step)
        for plot in (curves.plots[name] for name in curves.shown()):
            x = round(plot.to_pixels((step, 0))[0, 0])
            assert near(plot, x, plot.height() // 2, accent)
        row = int(trace.l_row[step])
        plot = solved.explore.states.plots["L"]
        x, y = plot.to_pixels(solved.explore.states.points["L"].path[row])[0]
        assert near(plot, round(x), round(y), accent)


def near(plot: Plot, x: int, y: int, wanted: QColor) -> bool:
    """Whether the wanted colour, half faded by antialiasing at the most, is painted within a pixel of that place."""
    image = plot.grab().toImage()
    found = [image.pixelColor(x + dx, y) for dx in (-1, 0, 1)]
    return any(abs(c.red() - wanted.red()) + abs(c.green() - wanted.green()) + abs(c.blue() - wanted.blue()) < 200 for c in found)


def test_a_plot_shows_at_once_what_changed_in_it(solved: MainWindow, qtbot: QtBot) -> None:
    plot = solved.explore.curves.plots["q"]
    for palette_mode, palette in (("dark", DARK), ("light", LIGHT)):
        solved.theme.set_mode(palette_mode)
        qtbot.waitUntil(solved.stack.updatesEnabled)
        assert plot.grab().toImage().pixelColor(1, plot.height() // 2).name() == palette.surface  # left of the labels
    before = plot.grab().toImage()
    solved.traces.open(replace(solved.traces.trace, q_halt=-solved.traces.trace.q_halt))
    assert plot.grab().toImage() != before


def test_light_and_dark_are_switched_live(solved: MainWindow) -> None:
    solved.actions_table.by_name["theme"].trigger()
    assert solved.theme.palette is DARK
    dark = solved.grab().toImage().pixelColor(2, 300)
    solved.actions_table.by_name["theme"].trigger()
    light = solved.grab().toImage().pixelColor(2, 300)
    assert dark.name() == DARK.window
    assert light.name() == LIGHT.window


def test_a_theme_that_is_chosen_on_another_page_reaches_hidden_plots(solved: MainWindow, qtbot: QtBot) -> None:
    plots = [solved.explore.curves.plots["q"], solved.explore.states.plots["H"]]
    solved.show_page("library")
    solved.theme.set_mode("dark")
    solved.show_page("explore")
    qtbot.waitUntil(lambda: {plot.backgroundBrush().color().name() for plot in plots} == {DARK.surface})


def test_cells_show_a_trace_without_a_solution_as_unjudged_and_can_be_picked(solved: MainWindow, qtbot: QtBot) -> None:
    trace = solved.traces.trace
    assert trace is not None
    solved.traces.open(replace(trace, puzzle=replace(trace.puzzle, solution=None)))
    solved.explore.states.set_mode("cells")
    qtbot.waitUntil(lambda: len(solved.explore.states.points) == 2 and solved.explore.states.up_to_date)
    plot = solved.explore.states.plots["H"]
    image = plot.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert LIGHT.answer in colours
    assert not {LIGHT.right, LIGHT.wrong} & colours
    cells = solved.traces.verdict.counts.cells
    assert solved.explore.transport.counts.text() == f"★ solved  ·  {cells} of {cells} cells sure  ·  no rule broken"
    points = solved.explore.states._cell_pixels(solved.traces.trace, solved.traces.cursor, "H")
    apart = np.hypot(*(points[:, None] - points[None]).T) + 1e9 * np.eye(len(points))
    lonely = int(apart.min(axis=1).argmax())  # a cell whose point no other one covers
    x, y = points[lonely]
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert solved.selection.cells == {lonely}
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert not solved.grab().isNull()


def test_a_trace_without_states_is_shown_without_them(solved: MainWindow, qtbot: QtBot) -> None:
    trace = solved.traces.trace
    assert trace is not None
    solved.traces.open(replace(trace, z_H=None, z_L=None))
    solved.traces.move_steps(-2)
    assert "without states" in solved.explore.states.empty_label.text()
    assert not solved.grab().isNull()


def test_the_layout_comes_back(new_window: Callable[..., MainWindow]) -> None:
    first = new_window()
    first.explore.docks["Curves"].setFloating(True)
    first.close()
    second = new_window()
    assert second.explore.docks["Curves"].isFloating()
    second.actions_table.by_name["reset_layout"].trigger()
    assert not second.explore.docks["Curves"].isFloating()


class Paints(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_the_window_is_painted_after_its_theme_was_switched(solved: MainWindow, qtbot: QtBot) -> None:
    """In the new colours at once, and whenever something changes from then on."""
    paints = Paints(solved.explore.board)
    for name in ("dark", "light"):
        paints.count = 0
        solved.actions_table.by_name["theme"].trigger()
        assert solved.theme.palette.name == name
        qtbot.waitUntil(lambda: paints.count > 0)
        qtbot.wait(100)
        paints.count = 0
        solved.traces.move_steps(-1)
        qtbot.waitUntil(lambda: paints.count > 0)
