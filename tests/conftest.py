"""Settings of all tests: no screen, no user's folders, one core a process, no silent Qt warnings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Tests and the trainers they start run side by side. Threads that wait for another one on a busy core take several times as long.
os.environ["OMP_NUM_THREADS"] = "1"
# What the caller has set for the Hub is none of the tests' business; huggingface_hub reads it when it is imported.
for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(name, None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """The number of workers for `-n auto`: one per core, at most 8, since each takes about 1.5 GB."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRM_STUDIO_HOME", str(tmp_path / "home"))
