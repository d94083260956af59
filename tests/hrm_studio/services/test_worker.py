"""Jobs stream results, give way to newer ones, can be cancelled, and report errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import hrm_model.reasoning  # noqa: F401 (torch, before the clock runs)
from hrm_model.assets import bundled_models
from hrm_model.errors import MismatchError
from hrm_model.loaded import LoadedModel
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.services.worker import Worker


def run(worker: Worker, lane: str, job: Callable[[], Iterator[Callable[[], None]]], failed: Callable[[Exception], None] = print) -> None:
    worker.submit(lane, worker.claim(lane), job, failed)


def test_the_newest_runs_first_and_the_older_goes_on() -> None:
    said: list[str] = []
    begun, idle = threading.Event(), threading.Event()
    go_on = threading.Event()

    def older() -> Iterator[Callable[[], None]]:
        yield lambda: said.append("older 1")
        begun.set()
        go_on.wait(10)
        yield lambda: said.append("older 2")
        yield lambda: said.append("older 3")

    worker = Worker("test", idle.set)
    run(worker, "a", older)
    assert begun.wait(10)
    run(worker, "b", lambda: iter([lambda: said.append("newer 1"), lambda: said.append("newer 2")]))
    go_on.set()
    assert idle.wait(10)
    assert said == ["older 1", "older 2", "newer 1", "newer 2", "older 3"]
    worker.close()


def test_a_job_takes_the_place_of_the_last_in_its_lane() -> None:
    said: list[int] = []
    idle, begun, go_on = threading.Event(), threading.Event(), threading.Event()

    def endless() -> Iterator[Callable[[], None]]:
        begun.set()
        go_on.wait(10)
        while True:
            yield lambda: None

    worker = Worker("test", idle.set)
    run(worker, "a", endless)
    assert begun.wait(10)
    run(worker, "a", lambda: iter([lambda: said.append(1)]))
    go_on.set()
    assert idle.wait(10)
    assert said == [1]
    worker.close()


def test_an_error_is_reported_and_the_next_job_runs() -> None:
    faults: list[Exception] = []
    done = threading.Event()

    def faulty() -> Iterator[Callable[[], None]]:
        yield lambda: None
        raise MismatchError("no such thing")

    worker = Worker("test", lambda: None)
    run(worker, "a", faulty, faults.append)
    run(worker, "b", lambda: iter([done.set]))
    assert done.wait(10)
    worker.close()
    assert [str(f) for f in faults] == ["no such thing"]


def test_questions_are_answered_in_the_gui_thread_and_withdrawn_ones_not(qtbot: QtBot, tmp_path: Path) -> None:
    reasoner = Reasoner()
    path = bundled_models()[0].path
    answers: list[object] = []
    faults: list[str] = []

    def job(loaded: LoadedModel) -> Iterator[object]:
        for k in range(3):
            yield (k, loaded.name)

    def then(answer: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        answers.append(answer)

    reasoner.run(path, "cpu", job, lambda _: pytest.fail("was dropped"), faults.append, lane="x")
    reasoner.drop("x")
    reasoner.run(path, "cpu", job, then, faults.append, lane="x")
    reasoner.run(tmp_path / "nowhere", "cpu", job, then, faults.append, lane="y")
    qtbot.waitUntil(lambda: len(answers) == 3 and len(faults) == 1)
    assert answers == [(k, path.name) for k in range(3)]
    assert "nowhere" in faults[0]
    reasoner.close()
