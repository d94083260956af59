"""Planted bugs: each is shown to the person and logged, and nothing else is lost."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QDesktopServices, QPaintEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.tasks.registry import task_named
from hrm_model.trace_file import guard, io
from hrm_studio import app, crash
from hrm_studio.actions import Entry
from hrm_studio.app import show_crashes
from hrm_studio.cli import main as cli
from hrm_studio.cli import solve as cli_solve
from hrm_studio.export.spec import Spec
from hrm_studio.log import last_lines, log_file, start_logging, stop_logging
from hrm_studio.main_window import MainWindow
from hrm_studio.models.runs import RunsModel
from hrm_studio.services.exporter import Exporter
from hrm_studio.services.hub_service import HubService
from hrm_studio.theme import Theme
from hrm_studio.ui.dialogs.about import AboutDialog
from hrm_studio.ui.dialogs.crash import CrashDialog, CrashDialogs
from tests.support.runs import small
from tests.support.traces import NINE, sudoku_info, synthetic


class Planted(Exception):
    """An unexpected error."""


def boom(*_: object, **__: object) -> None:
    raise Planted("planted here")


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    """With an open trace, which no bug may touch."""
    window = MainWindow(Theme("light"))
    qtbot.addWidget(window)
    window.show()
    window.traces.open(synthetic(sudoku_info(), segments=2), cursor=0)
    yield window
    window.close()


@contextmanager
def watched(window: MainWindow) -> Iterator[CrashDialogs]:
    """As `hrm_studio.app.main` does. Here and not in a fixture: pytest-qt takes the hooks back between a test and its fixtures."""
    start_logging()
    dialogs = show_crashes(window)
    try:
        yield dialogs
    finally:
        crash.uninstall()
        stop_logging()


@pytest.fixture
def logged() -> Iterator[None]:
    start_logging()
    yield
    stop_logging()


def shown(dialogs: CrashDialogs, qtbot: QtBot) -> CrashDialog:
    qtbot.waitUntil(lambda: dialogs.dialog is not None)
    assert dialogs.dialog is not None
    assert "planted here" in dialogs.dialog.error.text()
    return dialogs.dialog


def still_works(window: MainWindow, dialogs: CrashDialogs, qtbot: QtBot) -> None:
    """The bug is in the log; the trace is open, the window answers, and jobs are done."""
    assert "planted here" in "\n".join(last_lines())
    if dialogs.dialog is not None:
        dialogs.dialog.go_on.click()
    assert dialogs.dialog is None
    assert window.traces.trace is not None
    window.traces.set_cursor(3)
    window.show_page("explore")
    done: list[int] = []
    window.background.run(lambda: 5, done.append)
    qtbot.waitUntil(lambda: done == [5])


def plant(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Run this in every Python process that is started from now on."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"{code}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.syspath_prepend(folder)  # children look for packages where this process does


# Each place ----------------------------------------------------------------------------------------------------------------


def test_in_a_slot(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table.add([Entry("planted", "&Help", "Plant a bug …", "", "", boom)])
    with watched(window) as dialogs:
        window.actions_table.by_name["planted"].trigger()
        dialog = shown(dialogs, qtbot)
        assert dialog.title.text() == "Something went wrong while carrying out “Plant a bug”."
        assert "The open trace" in dialog.safe.text()
        still_works(window, dialogs, qtbot)


def test_in_a_timer_or_event_without_an_action(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        QTimer.singleShot(0, window, boom)
        assert shown(dialogs, qtbot).title.text().endswith("handling an event on the page Explore.")
        still_works(window, dialogs, qtbot)


def test_in_a_job_of_the_worker(window: MainWindow, qtbot: QtBot) -> None:
    path, faults, answers = bundled_models()[0].path, [], []
    with watched(window) as dialogs:
        window.reasoner.run(path, "cpu", boom, answers.append, faults.append, lane="planted")
        assert "of the reasoner" in shown(dialogs, qtbot).title.text()
        qtbot.waitUntil(lambda: bool(faults))  # the view that asked does not wait forever
        assert faults == ["Internal error (Planted: planted here). The log has the details."]
        window.reasoner.run(path, "cpu", lambda loaded: iter(["fine"]), answers.append, faults.append, lane="planted")
        qtbot.waitUntil(lambda: answers == ["fine"])
        still_works(window, dialogs, qtbot)


def test_in_a_background_job(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        window.background.run(boom, lambda _: pytest.fail("there is no result"))
        assert "computing in the background" in shown(dialogs, qtbot).title.text()
        still_works(window, dialogs, qtbot)


def test_in_a_thread(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        threading.Thread(target=boom, name="planted thread").start()
        assert "planted thread" in shown(dialogs, qtbot).title.text()
        still_works(window, dialogs, qtbot)


def test_in_a_modal_dialog(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        about = AboutDialog(window)
        about.copy.clicked.connect(boom)
        about.open()
        about.copy.click()
        dialog = shown(dialogs, qtbot)
        assert dialog.parent() is about  # the modal dialog would take the clicks from any other window
        dialog.go_on.click()
        assert about.isVisible()
        about.close()
        still_works(window, dialogs, qtbot)


def test_in_a_finalizer(window: MainWindow, qtbot: QtBot) -> None:
    """Bugs of ours are shown; those of libraries are only logged."""
    with watched(window) as dialogs:
        crash._unraisable(_Unraisable(_raised(boom)))
        qtbot.wait(50)
        assert dialogs.dialog is None
        assert "error in a finalizer" in "\n".join(last_lines())
        crash._unraisable(_Unraisable(_raised(lambda: task_named("planted here"))))
        assert "clearing up" in shown(dialogs, qtbot).title.text()
        still_works(window, dialogs, qtbot)


class _Unraisable:
    def __init__(self, error: Exception) -> None:
        self.exc_value, self.err_msg, self.object = error, None, None


def _raised(work: object) -> Exception:
    try:
        work()  # type: ignore[operator]
    except Exception as error:
        return error
    raise AssertionError


def test_in_the_trainer(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: None) -> None:
    plant(
        monkeypatch,
        tmp_path / "planted",
        "import trainer.loop as loop\ndef boom(*_): raise KeyError('planted here')\nloop.Trainer.train_step = boom",
    )
    runs = RunsModel(tmp_path / "runs")
    runs.begin()
    run = runs.start_new(small())
    qtbot.waitUntil(lambda: run.summary.state == "failed" and bool(run.summary.message))
    assert run.summary.message == "Internal error (KeyError: 'planted here'), see log.txt; nothing was saved yet."
    failed = [entry for entry in run.run.events().read() if entry["type"] == "failed"]
    assert [entry["error"] for entry in failed] == ["KeyError"]
    assert "Traceback (most recent call last)" in (run.path / "log.txt").read_text(encoding="utf-8")
    qtbot.waitUntil(lambda: "ended with code 1" in "\n".join(last_lines()))
    runs.close()


def test_in_a_trainer_that_cannot_even_begin(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, tmp_path / "planted", "import sys\nif '-m' in sys.orig_argv: sys.modules['trainer.runner'] = None")
    runs = RunsModel(tmp_path / "runs")
    runs.begin()
    with qtbot.waitSignal(runs.refused) as refused:
        run = runs.start_new(small())
    assert refused.args[0].startswith(f"The trainer of {run.name} could not start. ModuleNotFoundError")
    runs.close()


def test_in_the_process_that_asks_the_hub(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        monkeypatch,
        tmp_path / "planted",
        "import hrm_model.hub.client as client\ndef boom(*_): raise KeyError('planted here')\nclient.search = boom",
    )
    events: list[dict[str, object]] = []
    with watched(window) as dialogs:
        hub = HubService(window)
        hub.ask(events.append, do="search", text="hrm")
        dialog = shown(dialogs, qtbot)
        assert "client.search" not in dialog.error.text()
        assert "in boom" in dialog.report()  # the child's own traceback
        qtbot.waitUntil(lambda: bool(events))
        assert events == [{"type": "failed", "kind": "other", "message": "The process that asks the Hub failed: KeyError: 'planted here'"}]
        still_works(window, dialogs, qtbot)
        hub.close()


def test_in_the_process_that_makes_pictures(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = window.traces.trace
    assert trace is not None
    io.write(tmp_path / "t.h5", trace)
    plant(
        monkeypatch,
        tmp_path / "planted",
        "import hrm_model.trace_file.io as io\ndef boom(*_): raise KeyError('planted here')\nio.TraceReader = boom",
    )
    with watched(window) as dialogs:
        exporter = Exporter(window)
        with qtbot.waitSignal(exporter.failed) as failed:
            exporter.start(tmp_path / "t.h5", "", Spec("png", ("board",)), tmp_path / "t.png")
        assert failed.args == ["The process that makes pictures failed: KeyError: 'planted here'"]
        assert "in boom" in shown(dialogs, qtbot).report()
        still_works(window, dialogs, qtbot)


def test_in_the_process_that_checks_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a damaged file."""
    path = tmp_path / "t.h5"
    io.write(path, synthetic(sudoku_info(), segments=1))
    bug = "import hrm_model.trace_file.guard as guard; guard.TraceReader.scan = lambda *_: {}['planted here']; "
    monkeypatch.setattr(guard, "_CHILD", guard._CHILD.replace("from hrm_model", f"{bug}from hrm_model"))
    with pytest.raises(RuntimeError, match="The process that checks trace files failed: KeyError: 'planted here'") as caught:
        io.check(path)
    assert not isinstance(caught.value, ValueError)
    assert "Traceback" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "arguments",
    [("solve", NINE), ("--debug", "solve", NINE), ("solve", "--debug", NINE), ("solve", NINE, "--debug"), ("solve", "--debug", "--", NINE)],
)
def test_in_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    monkeypatch.setattr(cli_solve, "parse_any", boom)
    monkeypatch.setattr(sys, "argv", ["hrm-studio", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    stop_logging()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    if "--debug" in arguments:
        assert "Traceback (most recent call last)" in told
    else:
        assert told == f"hrm-studio: internal error (Planted: planted here). The log has the details: {log_file()}\n"
    assert "in boom" in "\n".join(last_lines())


# How it is shown -----------------------------------------------------------------------------------------------------------


def test_a_flood_is_one_dialog_with_a_count(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        for _ in range(2000):
            crash.report(_raised(boom), "counting")
        dialog = shown(dialogs, qtbot)
        qtbot.waitUntil(lambda: dialog.count.text() == "It happened 2,000 times.")
        assert len(window.findChildren(CrashDialog)) == 1
        assert sum("Planted: planted here" in line and "times now" in line for line in last_lines(1000)) == 3  # 10, 100, 1000
        assert sum(line == "tests.hrm_studio.test_crash.Planted: planted here" for line in last_lines(1000)) <= 3
        crash.report(_raised(lambda: {}[1]), "looking up")
        qtbot.waitUntil(lambda: "1 other error followed" in dialog.count.text())
        assert "(2000 times)" in dialog.report()
        assert "While looking up" in dialog.report()
        still_works(window, dialogs, qtbot)


def test_after_continue_a_flood_stays_away_and_a_later_error_is_shown(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(window) as dialogs:
        crash.report(_raised(boom), "counting")
        shown(dialogs, qtbot).go_on.click()
        crash.report(_raised(boom), "counting")  # at once: the same flood
        qtbot.wait(50)
        assert dialogs.dialog is None
        dialogs._last = {key: at - 10 for key, at in dialogs._last.items()}
        crash.report(_raised(boom), "counting")
        dialog = shown(dialogs, qtbot)
        dialog.silence.setChecked(True)
        dialog.go_on.click()
        dialogs._last = {key: at - 10 for key, at in dialogs._last.items()}
        crash.report(_raised(boom), "counting")
        qtbot.wait(50)
        assert dialogs.dialog is None


class _Broken(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        boom()


def test_a_bug_within_a_paint_event_opens_no_window_there(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        broken = _Broken(window.centralWidget())
        broken.resize(20, 20)
        broken.show()
        shown(dialogs, qtbot)
        broken.hide()
        broken.deleteLater()
        still_works(window, dialogs, qtbot)


def test_no_dialog_while_the_window_closes(window: MainWindow, qtbot: QtBot) -> None:
    with watched(window) as dialogs:
        crash.report(_raised(boom), "working")
        shown(dialogs, qtbot)
        window.close()
        assert dialogs.dialog is None
        crash.report(_raised(boom), "closing")
        QApplication.processEvents()
        assert dialogs.dialog is None
        assert "while closing" in "\n".join(last_lines())


def test_the_report_can_be_copied_and_names_no_home_folder(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    with watched(window) as dialogs:
        error = _raised(boom)
        error.add_note(str(Path.home() / "secret.txt"))
        crash.report(error, "counting")
        dialog = shown(dialogs, qtbot)
        dialog.copy.click()
        report = QApplication.clipboard().text()
        assert str(Path.home()) not in report
        for part in (
            "While counting",
            "Traceback (most recent call last)",
            "in boom",
            "secret.txt",
            "Python 3.",
            "torch ",
            "Last lines of the log",
        ):
            assert part in report
        dialog.log.click()
        assert opened == [str(log_file())]
        dialog.go_on.click()


def test_ctrl_c_is_no_bug(window: MainWindow, qtbot: QtBot, capsys: pytest.CaptureFixture[str]) -> None:
    with watched(window) as dialogs:
        error = KeyboardInterrupt()
        sys.excepthook(KeyboardInterrupt, error, None)
        qtbot.wait(50)
        assert dialogs.dialog is None
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_a_window_that_cannot_open_is_explained(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, logged: None) -> None:
    told: list[str] = []
    monkeypatch.setattr(app, "open_window", boom)
    monkeypatch.setattr(app, "trace_native_crashes", lambda: None)  # pytest has its own
    monkeypatch.setattr(app, "qInstallMessageHandler", lambda _: None)  # pytest-qt has its own
    monkeypatch.setattr(QMessageBox, "critical", lambda parent, title, text: told.append(text))
    assert app.main([]) == 1
    assert told == [f"The window cannot open. Internal error (Planted: planted here). The log has the details.\n\nLog: {log_file()}"]
    assert "in boom" in "\n".join(last_lines())
