from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.support.puzzle_panel import Rig


@pytest.fixture
def rig(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(qtbot, tmp_path, monkeypatch)
    yield rig
    rig.explore.close()
    rig.reasoner.close()
