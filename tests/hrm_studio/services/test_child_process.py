"""Processes that answer in JSON: real ones, each a line of Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from hrm_studio.services.child_process import ChildProcess


class Heard:
    """What a child process sent, in order."""

    def __init__(self, child: ChildProcess) -> None:
        self.child = child
        self.answers: list[dict[str, Any]] = []
        self.ends: list[str] = []
        child.answered.connect(self.answers.append)
        child.ended.connect(self.ends.append)


@pytest.fixture
def run(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made: list[ChildProcess] = []

    def start(script: str, request: dict[str, Any] | None = None, *, graceful: bool = False) -> Heard:
        child = ChildProcess(
            ["-c", script], request, name="The child", doing="testing", is_last=lambda answer: "end" in answer, graceful=graceful
        )
        made.append(child)
        heard = Heard(child)
        child.start()
        return heard

    yield start
    for child in made:
        child.close()


def test_it_reads_the_request_and_answers(run: Any, qtbot: QtBot) -> None:
    script = (
        "import json, sys; asked = json.loads(sys.stdin.readline()); print('{}'); print('a warning of a library'); print('[1]')\n"
        "print(json.dumps({'k': asked['k'] + 1})); print(json.dumps({'end': asked['text'] * 50_000})); sys.exit(4)"
    )
    heard = run(script, {"k": 1, "text": "ä"})
    qtbot.waitUntil(lambda: bool(heard.ends))
    assert heard.answers == [{}, {"k": 2}, {"end": "ä" * 50_000}]  # the last one comes through the pipe in many pieces
    assert heard.ends == [""]
    assert not heard.child.running


@pytest.mark.parametrize(
    ("script", "words", "bugs"),
    [
        ("import sys; sys.exit(3)", "The child failed: exit code 3", 0),
        ("import sys; sys.exit('out of cheese')", "The child failed: out of cheese", 0),
        ("import os; os.kill(os.getpid(), 9)", "The child failed: ended by signal 9", 0),
        ("{}['planted']", "The child failed: KeyError: 'planted'", 1),
    ],
    ids=["code", "words", "killed", "bug"],
)
def test_an_end_without_an_outcome_is_explained(
    run: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, script: str, words: str, bugs: int
) -> None:
    if "kill" in script and os.name != "posix":
        pytest.skip("no signals")
    reported: list[tuple[BaseException, str]] = []
    monkeypatch.setattr("hrm_studio.services.child_process.report", lambda error, doing: reported.append((error, doing)))
    heard = run(f"print('{{}}', flush=True)\n{script}")
    qtbot.waitUntil(lambda: bool(heard.ends))
    assert heard.ends == [words]
    assert [doing for _, doing in reported] == ["testing"] * bugs
    for error, _ in reported:
        assert "Traceback (most recent call last)" in error.__notes__[0]  # its own, for the report


def test_stopped_it_ends_without_a_fault(run: Any, qtbot: QtBot) -> None:
    heard = run("print('{}', flush=True); import time; time.sleep(600)")
    qtbot.waitUntil(lambda: bool(heard.answers))
    assert heard.child.running
    assert heard.child.pid > 0
    heard.child.stop()
    qtbot.waitUntil(lambda: bool(heard.ends))
    assert heard.ends == [""]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM")
def test_a_graceful_one_may_clean_up(run: Any, qtbot: QtBot, tmp_path: Path) -> None:
    left = tmp_path / "half a file"
    left.write_text("half")
    script = (
        f"import signal, sys, os, time; signal.signal(15, lambda *_: (os.remove({str(left)!r}), sys.exit(0)))\n"
        "print('{}', flush=True); time.sleep(600)"
    )
    heard = run(script, graceful=True)
    qtbot.waitUntil(lambda: bool(heard.answers))
    heard.child.stop()
    qtbot.waitUntil(lambda: bool(heard.ends))
    assert not left.exists()


def test_closing_waits_for_its_end_and_says_nothing(run: Any, qtbot: QtBot) -> None:
    heard = run("print('{}', flush=True); import time; time.sleep(600)")
    qtbot.waitUntil(lambda: bool(heard.answers))
    heard.child.close()
    assert not heard.child.running
    qtbot.wait(50)
    assert not heard.ends


def test_a_python_that_cannot_be_started(run: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrm_studio.services.child_process.sys.executable", "/no/such/python")
    heard = run("")
    qtbot.waitUntil(lambda: bool(heard.ends))
    assert heard.ends[0].startswith("The child could not be started")
