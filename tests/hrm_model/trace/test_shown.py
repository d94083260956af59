"""A trace in a notebook: as HTML, as text and as a data frame."""

from __future__ import annotations

import builtins
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hrm_model.errors import UsageError
from hrm_model.trace.curves import confidence, residuals, solved, solved_step, violations
from hrm_model.trace.data import LEVEL_NAMES, ModelInfo, PuzzleInfo, Trace
from tests.support.traces import FOUR, NINE, arc_info, cut_short, maze_info, sudoku_info, synthetic

EVIL = "<script>alert('\"&')</script>"


def page(trace: Trace) -> ElementTree.Element:
    """The HTML, which is well-formed XML too."""
    return ElementTree.fromstring(trace._repr_html_())


def texts(root: ElementTree.Element, tag: str = "text") -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(tag)]


def plots(root: ElementTree.Element) -> list[str]:
    return [svg.attrib["aria-label"] for svg in root.iter("svg")]


def test_a_sudoku_shows_its_board_and_two_curves() -> None:
    trace = synthetic(sudoku_info(NINE))
    root = page(trace)
    assert plots(root) == ["final board", "residual ‖Δz‖ of L and H (log)", "broken rules"]
    board = next(root.iter("svg"))
    assert "".join(texts(board)) == "".join(str(digit - 1) for digit in trace.prediction[-1])
    given = [text for element, text in zip(board.iter("text"), texts(board), strict=True) if element.get("font-weight") == "bold"]
    assert "".join(given) == NINE.replace(".", "")
    words = "".join(root.itertext())
    assert f"16 segments, {len(trace)} steps, solved in segment {int(trace.segment[solved_step(trace) or 0]) + 1}" in words


def test_curves_go_where_the_numbers_are() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=4)
    root = page(trace)
    curves = [line.attrib["points"].split() for line in root.iter("polyline")]
    assert [len(curve) for curve in curves] == [(trace.level == 0).sum(), (trace.level == 1).sum(), len(trace)]
    heights = np.array([float(point.split(",")[1]) for point in curves[2]])
    broken = violations(trace)
    # The most broken rules are on top, none are at the bottom, and what is between is in proportion.
    np.testing.assert_allclose((heights.max() - heights) / np.ptp(heights), broken / broken.max(), atol=0.01)


def test_wrong_cells_are_marked_by_more_than_a_colour() -> None:
    trace = synthetic(sudoku_info(FOUR), solves=False)
    board = next(page(trace).iter("svg"))
    marked = [element.get("text-decoration") == "underline" for element in board.iter("text")]
    assert marked == (trace.prediction[-1] != trace.puzzle.solution).tolist()
    assert any(marked)
    assert "not solved" in "".join(page(trace).itertext())


@pytest.mark.parametrize("info", [maze_info(11), arc_info(), sudoku_info(FOUR)], ids=["maze", "arc", "sudoku"])
def test_every_task_has_a_board(info: PuzzleInfo) -> None:
    trace = synthetic(info, segments=3)
    root = page(trace)
    assert plots(root)[0] == "final board"
    shapes = [element for element in next(root.iter("svg")).iter() if element.tag in ("path", "text")]
    assert len(shapes) > 3
    third = {"arc": "right cells, %"}.get(info.task, "broken rules")
    assert plots(root)[2] == third


def test_names_and_texts_from_files_are_escaped() -> None:
    trace = replace(synthetic(sudoku_info(FOUR), segments=1), model=ModelInfo(EVIL))
    html = trace._repr_html_()
    assert "<script" not in html
    assert EVIL in "".join(page(trace).itertext())
    odd = replace(trace, puzzle=replace(trace.puzzle, task=EVIL))  # a task that is not known here: tokens are shown
    assert "<script" not in odd._repr_html_()
    assert texts(next(page(odd).iter("svg"))) == [str(token) for token in trace.prediction[-1]]


def test_nothing_is_fetched_and_no_theme_is_assumed() -> None:
    html = synthetic(maze_info(30))._repr_html_()
    for word in ("http", "url(", "src=", "href", "<style", "background", "#000", "#fff", "black", "white"):
        assert word not in html, word
    assert "currentColor" in html


def test_without_states_without_solution_and_interrupted() -> None:
    whole = synthetic(sudoku_info(FOUR), segments=2)
    bare = replace(whole, z_H=None, z_L=None, puzzle=replace(whole.puzzle, solution=None))
    assert plots(page(bare)) == ["final board", "broken rules"]
    assert "solved" not in "".join(page(bare).itertext())
    assert repr(bare) == "Trace of sudoku-4x4 by 'made': 2 segments, 12 steps, not solved, no states"
    assert solved(bare) is False  # by the rules
    short = cut_short(whole, 7)  # in the middle of the second segment
    assert "7 steps" in "".join(page(short).itertext())
    assert len(short.to_frame()) == 7


def test_a_model_that_came_apart_is_shown_too() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    assert trace.z_H is not None
    page(replace(trace, z_H=np.full_like(trace.z_H, np.nan)))
    page(replace(trace, z_H=np.zeros_like(trace.z_H), z_L=np.zeros_like(trace.z_L)))  # nothing moves: no logarithm


def test_a_long_trace_stays_small() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2000, width=2)
    html = trace._repr_html_()
    assert len(trace) == 12_000
    assert len(html) < 40_000
    last = list(page(trace).iter("polyline"))[-1].attrib["points"].split()[-1]
    assert float(last.split(",")[0]) == pytest.approx(44 + (12_000 - 0.5) * 380 / 12_000, abs=0.1)  # the last step is there


def test_a_data_frame_has_a_row_a_step() -> None:
    trace = synthetic(sudoku_info(NINE), segments=3)
    frame = trace.to_frame()
    assert frame.index.name == "step"
    assert list(frame.columns) == [
        "segment", "h_cycle", "l_step", "level", "residual", "confidence", "accuracy", "violations", "right", "wrong", "undecided", "given_changed", "breaks",
        "right_guesses", "guess_breaks", "solved", "q_halt", "q_continue", "would_halt",
    ]  # fmt: skip
    assert list(frame["level"]) == [LEVEL_NAMES[k] for k in trace.level]
    np.testing.assert_array_equal(frame["residual"], residuals(trace))
    np.testing.assert_array_equal(frame["confidence"], confidence(trace))
    ends = frame.dropna(subset="q_halt")
    assert list(ends.index) == [trace.segment_end(k) for k in range(3)]
    np.testing.assert_array_equal(ends["q_halt"], trace.q_halt)
    assert frame.groupby("segment")["violations"].last().shape == (3,)
    assert frame["solved"].dtype == bool


def test_a_data_frame_needs_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "pandas":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(UsageError, match="pip install pandas"):
        synthetic(sudoku_info(FOUR), segments=1).to_frame()
