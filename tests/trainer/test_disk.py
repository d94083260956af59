"""Runs on full and read-only disks. The tests mount a small disk of their own, for which they must be root on Linux."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.runs import Start, figures, newest_step, of_kind, small, wait_for
from trainer import runner as runner_module
from trainer import saving
from trainer.__main__ import main
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir
from trainer.runs.summary import SummaryReader


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)):
        pytest.skip("no right to make a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def whole_lines(file: Path) -> bool:
    return all(isinstance(json.loads(line), dict) for line in file.read_text().splitlines() if line.strip())


def test_a_run_whose_end_does_not_fit_waits_for_room(start: Start, tmp_path: Path, disk: Path) -> None:
    # A checkpoint takes about 2 MB: one fits, a second beside it does not.
    config = small(steps=60, checkpoint_every=10, evaluate_every=30)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(disk / "run", config)
    Runner(whole).run()
    process = start(run.path)
    wait_for(lambda: "waits up to" in str(run.status().get("message")) or process.poll() is not None)
    assert process.poll() is None
    assert run.status()["state"] == "running"
    assert "No space left" in SummaryReader(run.path).update(0.0).message
    told = "could not be written (No space left on device); its last checkpoint is step_000010. Training goes on."
    assert any(told in warning["message"] for warning in of_kind(run, "warning"))
    assert [folder.name for folder in run.all_checkpoints()] == ["step_000010"]
    assert mount("-o", "remount,size=40m", str(disk))
    assert process.wait(600) == 0
    assert run.status()["state"] == "finished"
    assert figures(run) == figures(whole)
    last = run.pointer("last")
    assert last is not None
    assert last.name == "step_000060"
    assert not list(run.checkpoints.glob("*.part"))
    assert whole_lines(run.events_file)


@pytest.mark.parametrize("steps", [10, 4])
def test_a_run_whose_end_was_never_saved_has_failed_and_can_be_resumed(start: Start, tmp_path: Path, disk: Path, steps: int) -> None:
    config = small(steps=20, checkpoint_every=10, evaluate_every=100) if steps == 10 else small(steps=4, checkpoint_every=100)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(disk / "run", config)
    Runner(whole).run()
    if steps == 4:
        (disk / "ballast").write_bytes(bytes(2_000_000))
    process = start(run.path)
    wait_for(lambda: "waits up to" in str(run.status().get("message")) or process.poll() is not None)
    process.terminate()  # whoever asks again does not want to wait
    assert process.wait(600) == 1
    saved = "its last checkpoint is step_000010" if steps == 10 else "nothing was saved yet"
    status, (failed,) = run.status(), of_kind(run, "failed")
    assert (status["state"], status["step"], failed["error"]) == ("failed", config.steps, "NotSaved")
    for told in (status["message"], failed["message"], (run.path.parent / "stderr.txt").read_text()):
        assert "The end of this run is lost." in told
        assert f"(No space left on device); {saved}" in told
    assert of_kind(run, "finished") == []
    summary = SummaryReader(run.path).update(0.0)
    assert (summary.state, summary.message) == ("failed", failed["message"])
    # With room, it is trained on from what there is, and ends as the whole run.
    assert mount("-o", "remount,size=40m", str(disk))
    assert start(run.path).wait(600) == 0
    assert figures(run) == figures(whole)


def test_the_wait_for_room_ends_and_is_as_long_as_what_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=4, evaluate_every=100))
    tries: list[float] = []
    clock = [0.0]

    def full(*given: object) -> Path:
        tries.append(clock[0])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner_module, "write_checkpoint", full)
    monkeypatch.setattr(saving.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(saving.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + 10 * seconds))
    assert main([str(run.path)]) == 1
    assert tries[-1] - tries[0] == pytest.approx(saving.LEAST_WAIT, abs=6)
    assert "nothing was saved yet" in of_kind(run, "failed")[0]["message"]
    runner = Runner(run)
    runner._prepare()
    for computed, waited in ((7.0, saving.LEAST_WAIT), (900.0, 900.0), (1e6, saving.MOST_WAIT)):
        runner.trainer.seconds = computed
        tries.clear()
        with pytest.raises(saving.NotSaved):
            runner.save_last()
        assert tries[-1] - tries[0] == pytest.approx(waited, abs=6)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_any_fault_of_the_disk_at_the_end_is_a_failure_if_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=2, evaluate_every=100))
    monkeypatch.setattr(runner_module, "LEAST_WAIT", 0.0)
    emit = RunDir.emit

    def fails(self: RunDir, entry: dict[str, object]) -> None:
        if entry["type"] == "finished":
            raise OSError(code, os.strerror(code), str(self.events_file))
        emit(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(RunDir, "emit", fails)
    assert main([str(run.path)]) == 1
    (failed,) = of_kind(run, "failed")
    assert os.strerror(code) in failed["message"]
    assert "its last checkpoint is step_000002" in failed["message"]
    assert run.status()["state"] == "failed"


def test_a_full_disk_has_room_for_the_last_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path / "run", small())
    run.write_status(state="running", step=12, steps=40, device="cpu")

    def full(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("trainer.runs.run_dir.write_json", full)
    size = run.status_file.stat().st_size
    run.write_status(state="failed", step=40, steps=40, message="because " * 500)
    assert run.status_file.stat().st_size == size
    assert (run.status()["state"], run.status()["step"]) == ("failed", 40)
    run.status_file.write_text("{}")
    with pytest.raises(OSError, match="No space left"):
        run.write_status(state="failed", step=40)
    assert run.status() == {}


def test_events_wait_in_memory_while_the_disk_is_full(start: Start, tmp_path: Path, disk: Path) -> None:
    config = small(steps=100_000, checkpoint_every=100_000, evaluate_every=100_000, batch_size=4)
    run = RunDir.create(disk / "run", config)
    process = start(run.path)
    wait_for(lambda: newest_step(run) > 3)
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        while True:
            try:
                stream.write(bytes(4096))
            except OSError:
                break
    wait_for(lambda: os.statvfs(disk).f_bavail == 0)
    time.sleep(1)  # many steps
    full_at = newest_step(run)
    assert process.poll() is None
    ballast.unlink()
    wait_for(lambda: newest_step(run) > full_at + 20)
    process.terminate()
    assert process.wait(600) == 0
    steps = [step for kind, step, _ in figures(run) if kind == "metrics"]
    assert steps == list(range(1, steps[-1] + 1))
    assert of_kind(run, "finished")[-1]["reason"] == "stopped"


def test_a_read_only_folder_is_refused(disk: Path) -> None:
    run = RunDir.create(disk / "run", small(steps=8))
    assert mount("-o", "remount,ro", str(disk))
    done = subprocess.run([sys.executable, "-m", "trainer", str(run.path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr.strip() == f"{run.path}: cannot write here (Read-only file system). Make the folder writable, or free some disk space."
    )
    assert os.listdir(run.path) == ["config.yaml"]
