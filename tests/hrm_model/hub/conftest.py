"""A local Hub with one published model, and no account."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hrm_model.hub.client import HubSettings
from tests.paths import PUBLISHED_MODEL
from tests.support.hub import ID
from tests.support.hub_server import Hub


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    # huggingface_hub itself waits some seconds after each cut or denial; a test need not.
    hurried = SimpleNamespace(**{n: getattr(time, n) for n in ("time", "monotonic", "perf_counter")}, sleep=lambda _: None)
    monkeypatch.setattr("huggingface_hub.file_download.time", hurried)
    monkeypatch.setattr("huggingface_hub.utils._http.time", hurried)


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {n: (PUBLISHED_MODEL / n).read_bytes() for n in ("step_7", "all_config.yaml")}
    files |= {"README.md": b"# The model\n", "hrm_act_v1.py": b"open('ran', 'w')", "big_dataset.npy": b"x" * 5000}
    with Hub({ID: files}) as server:
        yield server


@pytest.fixture
def settings(hub: Hub, tmp_path: Path) -> HubSettings:
    return HubSettings(endpoint=hub.url, cache=tmp_path / "cache")
