from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.support.runs import Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a real trainer on a run folder; its stderr goes to stderr.txt beside that. What still runs after the test is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(run: Path) -> subprocess.Popen[bytes]:
        with (run.parent / "stderr.txt").open("wb") as errors:
            processes.append(
                subprocess.Popen([sys.executable, "-m", "trainer", str(run)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
            )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()
