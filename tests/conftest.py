"""Settings of all tests: no screen, no user's folders, no silent Qt warnings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRM_STUDIO_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _qt_is_quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Warnings of Qt are failures, the offscreen platform's excuses excepted."""
    yield
    log = getattr(request.node, "qt_log_capture", None)
    if log is not None:
        assert [r.message for r in log.records if "This plugin does not support" not in r.message] == []
