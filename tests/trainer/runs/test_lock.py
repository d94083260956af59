"""Who is at work on a run: told by the lock, whatever the clock, the process numbers and the machine are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hrm_model.errors import RunError
from tests.paths import ROOT
from tests.support.runs import Start, newest_step, small, wait_for
from trainer.runs import lock, manage
from trainer.runs.run_dir import LIVE, RunDir
from trainer.runs.summary import SummaryReader

LONG: dict[str, Any] = {"steps": 1_000_000, "evaluate_every": 1_000_000, "checkpoint_every": 1_000_000}


def status_as(run: RunDir, **process: object) -> None:
    """Change what status.json says about the trainer's process."""
    status = json.loads(run.status_file.read_text())
    status["process"] |= process
    run.status_file.write_text(json.dumps(status))


def refused_to_move(run: RunDir, words: str) -> None:
    for act in (manage.delete, lambda r: manage.rename(r, "other")):
        with pytest.raises(RunError, match=words):
            act(run)
    assert run.config_file.exists()
    assert [path.name for path in run.path.parent.iterdir() if path.is_dir() and path.name != manage.TRASH] == [run.path.name]


@pytest.fixture
def live(start: Start, tmp_path: Path) -> tuple[RunDir, subprocess.Popen[bytes]]:
    """A run in training, alone in its folder."""
    folder = tmp_path / "runs"
    folder.mkdir()
    run = RunDir.create(folder / "run", small(**LONG))
    process = start(run.path)
    wait_for(lambda: newest_step(run) > 0 and run.status()["state"] == "running")
    return run, process


def test_a_live_run_stays_live_whatever_its_status_says_of_clock_and_process(live: tuple[RunDir, subprocess.Popen[bytes]]) -> None:
    run, process = live
    process.send_signal(19)  # SIGSTOP: it no longer writes its status, as if the machine were suspended
    written = json.loads(run.status_file.read_text())
    for changes in (
        {"started": written["started"] - 3600}, {"started": written["started"] + 2.5}, {"pid": 999_999_999}, {"pid": os.getpid()}, {"time": 1.0},
        {"process": written["process"] | {"host": "elsewhere", "machine": "other", "boot": "other"}}, {"process": None},
    ):  # fmt: skip
        run.status_file.write_text(json.dumps(written | changes))
        assert run.status()["state"] == "running", changes
        refused_to_move(run, "is being trained")
    process.kill()
    process.wait()
    run.status_file.write_text(json.dumps(written))
    assert run.status()["state"] == "killed"
    manage.rename(run, "other")


def test_a_trainer_of_another_machine_is_unknown_until_someone_says_that_it_ended(live: tuple[RunDir, subprocess.Popen[bytes]]) -> None:
    run, process = live
    process.kill()
    process.wait()
    status_as(run, host="cluster-7", machine="other", boot="other")  # as if its locks did not reach this machine
    status = run.status()
    assert status["state"] == "unknown"
    assert "A trainer on cluster-7 was at work here" in status["message"]
    assert f"process {process.pid}, last sign of life 20" in status["message"]
    assert "hrm-studio runs ended run" in status["message"]
    refused_to_move(run, "was not moved. A trainer on cluster-7")
    with pytest.raises(RunError, match="cluster-7"):
        RunDir(run.path).claim()
    summary = SummaryReader(run.path).update(0.0)
    assert (summary.state, summary.message, summary.live) == ("unknown", status["message"], False)
    run.declare_ended()
    assert run.status()["state"] == "killed"
    RunDir(run.path).claim()


def test_a_restart_of_this_machine_ends_its_trainers(live: tuple[RunDir, subprocess.Popen[bytes]]) -> None:
    run, process = live
    process.kill()
    process.wait()
    status_as(run, boot="the one before")
    assert run.status()["state"] == "killed"


def test_without_its_lock_file_a_trainer_is_known_by_its_process(live: tuple[RunDir, subprocess.Popen[bytes]]) -> None:
    run, process = live
    run.lock_file.unlink()
    assert run.status()["state"] in LIVE
    refused_to_move(run, "is being trained")
    with pytest.raises(RunError, match=f"process {process.pid} is already training"):
        RunDir(run.path).claim()
    status_as(run, space="pid:[1]")  # process numbers mean something else here
    process.send_signal(19)
    status_as(run, space="pid:[1]")
    assert run.status()["state"] == "unknown"
    process.kill()
    process.wait()
    status_as(run, space=lock.this_process()["space"])
    assert run.status()["state"] == "killed"


def test_on_a_file_system_without_locks_a_run_is_trained_and_known_by_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def none(descriptor: int, kind: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    run = RunDir.create(tmp_path / "run", small())
    run.claim()
    assert run.status()["state"] == "starting"
    refused_to_move(run, "is being trained")
    with pytest.raises(RunError, match=f"process {os.getpid()} is already training"):
        RunDir(run.path).claim()
    status_as(run, born=1.0)
    assert run.status()["state"] == "killed"


def test_readers_do_not_keep_a_trainer_away(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small())
    file = run.lock_file
    assert lock.held(file) is None
    kept = lock.take(file)
    assert kept is not None
    assert lock.held(file) is True
    kept.release()
    assert lock.held(file) is False
    with lock.kept_free(file), pytest.raises(RunError, match="another process holds this lock"):
        lock.take(file)
    again = lock.take(file)
    assert again is not None
    with pytest.raises(RunError, match="run is being trained"), lock.kept_free(file):
        pytest.fail("it is held")
    again.release()


def test_of_many_trainers_that_claim_a_run_at_once_one_gets_it(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small())
    script = """
import sys
from trainer.runs.run_dir import RunDir
from hrm_model.errors import RunError
run = RunDir(sys.argv[1])
sys.stdin.readline()
try:
    run.claim()
except RunError as error:
    print("refused" if "is already training this run" in str(error) else error, flush=True)
else:
    print("claimed", flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", script, str(run.path)]
    claims = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    told = []
    for process in claims:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    for process in claims:
        assert process.stdout is not None
        told.append(process.stdout.readline().strip())
    assert sorted(told) == ["claimed", *4 * ["refused"]]
    assert run.status()["pid"] == claims[told.index("claimed")].pid
    for process in claims:
        process.communicate("end\n")
    assert run.status()["state"] == "killed"


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"), reason="needs the right to make namespaces"
)
@pytest.mark.parametrize("options", [["-p", "-f"], ["-p", "-f", "--mount-proc"], ["-u", "-p", "-f", "--mount-proc"]])
def test_a_trainer_in_another_pid_namespace_is_seen(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    run = RunDir.create(folder / "run", small(**LONG))
    command = ["unshare", *options, "--kill-child", sys.executable, "-m", "trainer", str(run.path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: newest_step(run) > 0 or process.poll() is not None)
        assert process.poll() is None
        wait_for(lambda: run.status()["state"] == "running")
        refused_to_move(run, "is being trained")
        # The other way round: a shell in a namespace of its own looks at a trainer outside.
        inside = [
            "unshare", *options, sys.executable, "-m", "hrm_studio", "runs", "delete", "run", "--in", str(folder),
        ]  # fmt: skip
        done = subprocess.run(inside, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "run is being trained; stop it first" in done.stderr
        run.command("stop")
        assert process.wait(600) == 0
        assert run.status()["state"] == "stopped"
    finally:
        process.kill()
        process.wait()
    manage.delete(run)
