"""Runs on full and read-only disks. The tests mount a small disk of their own, for which they must be root on Linux."""

from __future__ import annotations

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
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir


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


def test_a_run_survives_a_full_disk(start: Start, tmp_path: Path, disk: Path) -> None:
    # A checkpoint takes about 2 MB: one fits, a second beside it does not.
    config = small(steps=60, checkpoint_every=10, evaluate_every=30)
    whole, run = RunDir.create(tmp_path / "whole", config), RunDir.create(disk / "run", config)
    Runner(whole).run()
    process = start(run.path)
    assert process.wait(600) == 0
    warnings = of_kind(run, "warning")
    assert any("No space left" in w["message"] and "could not be written" in w["message"] for w in warnings)
    assert not list(run.checkpoints.glob("*.part"))
    first = [folder.name for folder in run.all_checkpoints()]
    assert first == ["step_000010"]
    assert figures(run) == figures(whole)
    assert whole_lines(run.events_file)
    # When there is space again, it resumes from its last checkpoint and ends as the whole run.
    assert mount("-o", "remount,size=40m", str(disk))
    assert start(run.path).wait(600) == 0
    assert figures(run) == figures(whole)
    last = run.pointer("last")
    assert last is not None
    assert last.name == "step_000060"


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
