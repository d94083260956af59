"""The background thread: results in the GUI thread, errors reported, nothing after the end."""

from __future__ import annotations

import threading

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.services.background import Background


def test_results_come_in_order_in_the_gui_thread(qtbot: QtBot) -> None:
    background, got = Background(), []
    for k in range(5):
        background.run(lambda k=k: (k, threading.current_thread()), lambda result: got.append((*result, threading.current_thread())))
    qtbot.waitUntil(lambda: len(got) == 5)
    assert [k for k, _, _ in got] == list(range(5))
    assert all(there is not threading.main_thread() and here is threading.main_thread() for _, there, here in got)
    background.close()


def test_a_bug_is_reported_and_there_is_no_result(qtbot: QtBot) -> None:
    background = Background()
    with qtbot.captureExceptions() as errors:
        background.run(lambda: 1 // 0, lambda _: pytest.fail("there is no result"))
        qtbot.waitUntil(lambda: bool(errors))
    assert errors[0][0] is ZeroDivisionError
    background.close()


def test_once_closed_nothing_is_computed(qtbot: QtBot) -> None:
    background, ran = Background(), []
    background.close()
    background.run(lambda: ran.append(1), lambda _: ran.append(2))
    qtbot.wait(50)
    assert not ran


def test_what_is_ready_at_the_close_is_not_handed_over_to_a_window_that_goes(qtbot: QtBot) -> None:
    background, ran, handed = Background(), threading.Event(), []
    background.run(ran.set, handed.append)
    assert ran.wait(10)
    background.close()
    qtbot.wait(50)
    assert not handed
