"""Downloading from the local Hub of tests/hrm_model/hub."""

from __future__ import annotations

from typing import Any

import pytest

from hrm_model.errors import HubError
from hrm_model.hub.client import HubSettings
from hrm_model.hub.download import download

ID = "sapientinc/HRM-checkpoint-sudoku-extreme"


def fetch(settings: HubSettings, **options: Any) -> list[dict[str, Any]]:
    return list(download(ID, settings, first_wait=0.01, **options))


def refused(settings: HubSettings, kind: str, *words: str, **options: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    with pytest.raises(HubError) as caught:
        events.extend(download(ID, settings, first_wait=0.01, **options))
    assert caught.value.kind == kind
    for word in (ID, *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    return events
