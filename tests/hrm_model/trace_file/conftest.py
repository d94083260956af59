from __future__ import annotations

import pytest

from hrm_model.recording import record
from hrm_model.trace.data import Trace
from tests.support.models import tiny
from tests.support.traces import FOUR, sudoku_info


@pytest.fixture(scope="session")
def trace() -> Trace:
    return record(tiny(), sudoku_info(FOUR), "tiny ✓", segments=3)
