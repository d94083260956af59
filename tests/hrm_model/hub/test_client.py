"""Describing, choosing, searching and pushing models, and the cache, against a local server."""

from __future__ import annotations

from pathlib import Path

import pytest

from hrm_model.checkpoint.export import export
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import HubError
from hrm_model.hub.cache import cached, clear, from_cache
from hrm_model.hub.client import HubSettings, choose, describe, is_repo_id, push, search
from hrm_model.hub.download import download
from hrm_model.hub.known import KNOWN
from tests.paths import PUBLISHED_MODEL
from tests.support.hub import ID, fetch, refused
from tests.support.hub_server import COMMIT, Hub


def test_which_files(hub: Hub, settings: HubSettings) -> None:
    weights = (PUBLISHED_MODEL / "step_7").read_bytes()
    config = (PUBLISHED_MODEL / "all_config.yaml").read_bytes()
    hub.files["a/steps"] = {"step_5": weights, "step_12": weights, "all_config.yaml": config, "losses.py": b"x"}
    assert [f.name for f in choose(describe("a/steps", settings))] == ["step_12", "all_config.yaml"]
    assert choose(describe("a/steps", settings), "step_5")[0].name == "step_5"
    hub.files["a/runs"] = {"one/step_5": weights, "two/step_5": weights, "one/all_config.yaml": config}
    with pytest.raises(HubError, match=r"several checkpoints; choose a file: .*one/step_5"):
        choose(describe("a/runs", settings))
    assert [f.name for f in choose(describe("a/runs", settings), "one/step_5")] == ["one/step_5", "one/all_config.yaml"]
    events = list(download("a/runs", settings, file="one/step_5"))
    assert inspect(events[-1]["path"]).fault == ""
    hub.files["a/none"] = {"README.md": b"x", "data.csv": b"x"}
    with pytest.raises(HubError, match="no checkpoint found"):
        choose(describe("a/none", settings))
    with pytest.raises(HubError, match="no weights file 'x'. It has: two/step_5, one/step_5"):
        choose(describe("a/runs", settings), "x")


def test_search(hub: Hub, settings: HubSettings) -> None:
    hub.files["me/HRM-mine"] = {}
    assert [f.id for f in search("hrm", settings)] == [ID, "me/HRM-mine"]
    assert search("mine", settings)[0].licence == "mit"
    assert search("mine", settings)[0].updated == "2026-01-02"
    hub.faults = {"api": [("status", 429)] * 9}
    with pytest.raises(HubError, match="429"):
        search("hrm", settings)


def test_offline_only_the_cache_answers(settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    offline = HubSettings(settings.endpoint, cache=settings.cache, offline=True)
    refused(offline, "offline", "not in the cache")
    path = fetch(settings)[-1]["path"]
    assert list(download(ID, offline))[-1]["path"] == path
    assert from_cache(ID, offline, "main").commit == COMMIT
    assert from_cache(ID, offline, COMMIT[:8]).commit == COMMIT
    refused(offline, "offline", revision="v9")
    for call in (lambda: describe(ID, offline), lambda: search("x", offline), lambda: push(PUBLISHED_MODEL, "me/x", offline)):
        with pytest.raises(HubError, match="offline mode is on"):
            call()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert list(download(ID, settings))[-1]["path"] == path


def test_the_cache_is_shown_and_cleared(hub: Hub, settings: HubSettings) -> None:
    assert cached(settings) == []
    fetch(settings)
    other = settings.cache_dir / "models--meta--llama" / "snapshots" / "x"
    other.mkdir(parents=True)
    (other / "model.safetensors").write_bytes(b"x")
    (other / "config.json").write_text("{}")
    (there,) = cached(settings)
    assert (there.id, there.commit, there.weights) == (ID, COMMIT, "step_7")
    assert there.nbytes == sum(len(hub.files[ID][n]) for n in ("step_7", "all_config.yaml", "README.md"))
    assert clear(ID, settings) == there.nbytes
    assert cached(settings) == []
    assert other.exists()
    with pytest.raises(HubError, match="not in the cache"):
        clear(ID, settings)
    with pytest.raises(HubError, match="not in the cache"):
        clear("../..", settings)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own
def test_a_model_is_pushed_with_its_card(hub: Hub, settings: HubSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True, raising=False)  # the server takes large files the older way
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)  # as HF_ENDPOINT does, which versions before 1.10 need
    folder = export(inspect(PUBLISHED_MODEL), tmp_path / "out", "apache-2.0")
    hub.token = "hf_write"
    signed = HubSettings(hub.url, "hf_write", settings.cache)
    assert push(folder, "me/mine", signed).endswith("/me/mine")
    assert hub.created[0]["name"] == "mine"
    assert hub.created[0].get("private") or hub.created[0].get("visibility") == "private"
    assert hub.uploads["README.md"] == (folder / "README.md").read_bytes()
    weights = (folder / "model.safetensors").read_bytes()
    assert weights in hub.uploads.values()
    assert {line["value"]["path"] for line in hub.commits[0]["lines"] if line["key"] != "header"} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    with pytest.raises(HubError, match="rejected the token"):
        push(folder, "me/mine", HubSettings(hub.url, "hf_wrong", settings.cache))
    with pytest.raises(HubError, match=r"needs model\.safetensors"):
        push(PUBLISHED_MODEL, "me/mine", signed)
    with pytest.raises(HubError, match="it has the form owner/name"):
        push(folder, "mine", signed)


def test_the_known_models() -> None:
    assert len({m.id for m in KNOWN}) == len(KNOWN)
    for model in KNOWN:
        assert is_repo_id(model.id)
        assert bool(model.accuracy) == bool(model.source)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(("status", "words"), [(404, "not found"), (500, "the Hub has a problem"), (403, "rejected the token")])
def test_a_failed_push_says_why_and_leaves_nothing_behind(
    hub: Hub, settings: HubSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str, there: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    folder = export(inspect(PUBLISHED_MODEL), tmp_path / "out", "apache-2.0")
    if there:
        hub.files["me/mine"] = {}
    hub.faults = {"put": [("status", status)] * 20}
    with pytest.raises(HubError, match=words) as caught:
        push(folder, "me/mine", HubSettings(hub.url, "hf_write", settings.cache))
    assert caught.value.kind != "network"
    assert [d["name"] for d in hub.deleted] == ([] if there else ["mine"])
