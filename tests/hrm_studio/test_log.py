"""The log file."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hrm_studio import log


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    log.stop_logging()


def test_it_is_made_with_its_first_line_and_rotates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_LARGEST", 2000)
    log.start_logging()
    assert not log.log_file().parent.exists()
    for number in range(200):
        logging.getLogger("hrm_studio.test").info("line %d", number)
    names = sorted(path.name for path in log.log_file().parent.iterdir())
    assert names == ["hrm-studio.log", "hrm-studio.log.1", "hrm-studio.log.2", "hrm-studio.log.3"]
    assert log.last_lines(1)[0].endswith("hrm_studio.test: line 199")


def test_it_holds_warnings_of_libraries_but_not_their_chatter() -> None:
    log.start_logging()
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("a warning")
    assert [line.rpartition(": ")[2] for line in log.last_lines()] == ["a warning"]


def test_a_folder_that_cannot_be_written_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    log.log_file().parent.parent.mkdir(parents=True)
    log.log_file().parent.write_text("a file where the folder should be")
    log.start_logging()
    logging.getLogger("hrm_studio.test").warning("lost")
    assert log.last_lines() == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("value", "debugs"), [("1", True), ("0", False), ("", False), ("true", True)])
def test_the_environment_asks_for_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, debugs: bool
) -> None:
    monkeypatch.setenv("HRM_STUDIO_DEBUG", value)
    log.start_logging()
    logging.getLogger("hrm_model.test").debug("details")
    assert log.debugging() is debugs
    assert ("details" in capsys.readouterr().err) is debugs


def test_a_crash_in_native_code_leaves_a_trace_that_the_next_start_logs() -> None:
    """As Qt or torch would crash: in a slot of the running app."""
    script = (
        "import faulthandler, sys; from hrm_studio import app, log\n"
        "log.start_logging()\n"
        "app._note_start = faulthandler._sigsegv if sys.argv[1] == 'crash' else lambda: app.QApplication.quit()\n"
        "sys.exit(app.main([]))\n"
    )
    run = [sys.executable, "-c", script]
    assert subprocess.run([*run, "crash"], capture_output=True, timeout=600, check=False).returncode != 0
    trace = log.native_crash_file().read_text(encoding="utf-8")
    assert "most recent call first" in trace
    assert "app.py" in trace
    assert subprocess.run([*run, "quit"], capture_output=True, timeout=600, check=False).returncode == 0
    assert log.native_crash_file().read_text(encoding="utf-8") == ""
    lines = "\n".join(log.last_lines(200))
    assert "an earlier session crashed in native code" in lines
    assert trace.strip() in lines
