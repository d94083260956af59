"""huggingface_hub itself against a local server that answers correctly or badly."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import filelock
import pytest

from hrm_model.checkpoint.format import load
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import HubError
from hrm_model.hub import download as hub_download
from hrm_model.hub.cache import cached
from hrm_model.hub.client import HubSettings, describe
from hrm_model.hub.download import download
from tests.paths import PUBLISHED_MODEL, ROOT
from tests.support.hub import ID, fetch, refused
from tests.support.hub_server import COMMIT, Hub


def test_a_model_is_fetched_checked_and_loads(hub: Hub, settings: HubSettings) -> None:
    events = fetch(settings)
    assert [e["type"] for e in events if e["type"] != "progress"] == ["started", "verifying", "verifying", "verifying", "finished"]
    started, finished = events[0], events[-1]
    assert {n for n, _ in started["files"]} == {"step_7", "all_config.yaml", "README.md"}  # neither code nor data
    assert started["commit"] == finished["commit"] == COMMIT
    assert started["have"] == 0
    progress = [e for e in events if e["type"] == "progress"][-1]
    assert progress["bytes"] == progress["total"] == started["bytes"]
    folder = Path(finished["path"])
    assert folder == settings.cache_dir / f"models--{ID.replace('/', '--')}" / "snapshots" / COMMIT
    assert inspect(folder).fault == ""
    assert load(folder, "cpu").config.hidden_size == 64
    asked = [path for _, path, _ in hub.requests]
    assert not any(".py" in path or ".npy" in path for path in asked)
    again = fetch(settings)
    assert again[0]["have"] == again[0]["bytes"]
    assert again[-1]["path"] == str(folder)


def test_huggingface_hub_itself_finds_what_was_fetched(settings: HubSettings) -> None:
    from huggingface_hub import hf_hub_download

    fetch(settings)
    found = hf_hub_download(ID, "step_7", cache_dir=settings.cache_dir, local_files_only=True)
    assert Path(found).read_bytes() == (PUBLISHED_MODEL / "step_7").read_bytes()


def test_cuts_and_faults_are_gone_over(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {
        "api": [("status", 500), ("status", 503)],
        "content": [("cut", 200_000), ("cut", 100_000), ("whole",), ("cut", 300_000)],
        "cdn": [("status", 500), ("status", 429)],
    }
    events = fetch(settings)
    assert events[-1]["type"] == "finished"
    assert [e["attempt"] for e in events if e["type"] == "retrying"][:2] == [1, 2]  # huggingface_hub may go over the others by itself
    begins = hub.begins()
    assert begins == sorted(begins)
    assert max(begins) > 500_000
    assert load(events[-1]["path"], "cpu")


def test_a_pause_keeps_what_is_there_and_the_rest_is_fetched(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {"content": [("slow", 400_000)] * 99}
    running = download(ID, settings)
    for event in running:
        if event["type"] == "progress" and event["bytes"] > 200_000:
            break
    running.close()
    time.sleep(0.3)
    assert not from_there(settings)
    hub.faults.clear()
    hub.requests.clear()
    events = fetch(settings)
    assert events[0]["have"] >= 200_000
    assert events[-1]["type"] == "finished"
    begins = hub.begins()
    assert begins[0] == events[0]["have"]
    assert begins == sorted(set(begins))


def from_there(settings: HubSettings) -> bool:
    return any(c.weights for c in cached(settings))


def test_two_do_not_fetch_the_same_at_once(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {"content": [("slow", 300_000)]}
    first = download(ID, settings)
    for event in first:
        if event["type"] == "progress":
            break
    refused(settings, "busy", "another process is downloading it")
    first.close()
    time.sleep(0.3)
    assert fetch(settings)[-1]["type"] == "finished"


@pytest.mark.parametrize("what", ["ranges", "range_ends"])
def test_a_server_that_does_not_know_ranges(hub: Hub, settings: HubSettings, what: str) -> None:
    part = settings.cache_dir / f"models--{ID.replace('/', '--')}" / "blobs" / f"{describe(ID, settings).files[0].etag}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes((PUBLISHED_MODEL / "step_7").read_bytes()[:300_000])
    setattr(hub, what, False)
    events = fetch(settings)
    assert events[0]["have"] == 300_000
    assert events[-1]["type"] == "finished"
    assert [e for e in events if e["type"] == "progress"][-1]["bytes"] == events[0]["bytes"]
    assert load(events[-1]["path"], "cpu")


def test_speed_falls_to_zero_on_a_stall_and_comes_back(hub: Hub, settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_download, "_SPEED_OVER", 0.8)
    hub.faults = {"content": [("whole",), ("stall", 1000, 2.5)]}
    progress = [e for e in fetch(settings) if e["type"] == "progress"]
    assert progress[0]["speed"] > 100_000
    stalled = [e for e in progress if e["stalled"] > 1.2]
    assert stalled
    assert {e["speed"] for e in stalled} == {0}
    assert {e["bytes"] for e in stalled} == {hub_download._FIRST}  # the second request stalled
    assert progress[-1]["bytes"] == progress[-1]["total"]


def test_an_endless_stall_is_reported(hub: Hub, settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr(hub_download, "_ATTEMPTS", 1)
    hub.faults = {"content": [("stall", 0, 60)] * 100}
    refused(settings, "network", "did not answer in time")


@pytest.mark.parametrize(
    ("faults", "kind", "words"),
    [
        ({"api": [("status", 500)] * 9}, "server", "has a problem (500)"),
        ({"api": [("status", 429)] * 9}, "rate", "429"),
        ({"api": [("status", 403)]}, "token", "token"),
        ({"api": [("status", 404)]}, "not_found", "404"),
        ({"api": [("status", 418)]}, "other", "418"),
        ({"cdn": [("status", 404)]}, "not_found", "404"),
        ({"cdn": [("status", 403)]}, "token", "403"),
        ({"cdn": [("status", 500)] * 99}, "server", "500"),
        ({"cdn": [("status", 429)] * 99}, "rate", "429"),
    ],
)
def test_what_the_hub_denies_is_said(hub: Hub, settings: HubSettings, faults: dict[str, Any], kind: str, words: str) -> None:
    hub.faults = faults
    refused(settings, kind, words)


def test_names_tokens_and_revisions(hub: Hub, settings: HubSettings) -> None:
    with pytest.raises(HubError, match=r"no such repository, or it is private") as caught:
        describe("nobody/nothing", settings)
    assert caught.value.kind == "not_found"
    refused(settings, "not_found", "no such revision", revision="v9")
    assert fetch(settings, revision=COMMIT)[-1]["commit"] == COMMIT
    with pytest.raises(HubError, match="not a valid name"):
        describe("no such name at all", settings)
    hub.token = "hf_secret"
    refused(settings, "not_found", "private")
    refused(HubSettings(hub.url, "hf_wrong", settings.cache), "token", "rejected the token (401)")
    good = HubSettings(hub.url, "hf_secret", settings.cache)
    assert fetch(good)[-1]["type"] == "finished"
    assert all("hf_secret" not in str(e) for e in fetch(good))


def test_a_gated_model_says_how_to_get_access(hub: Hub, settings: HubSettings) -> None:
    hub.gated = True
    refused(settings, "token", "gated model. Request access on its page")


def test_no_way_to_the_hub(tmp_path: Path) -> None:
    refused(HubSettings("http://127.0.0.1:9", cache=tmp_path), "network", "cannot reach the Hub")


def test_a_wrong_hash_is_never_kept(hub: Hub, settings: HubSettings) -> None:
    hub.corrupt = True
    refused(settings, "hash", "step_7: corrupt", "it was deleted")
    assert not any(f.is_file() for f in settings.cache_dir.rglob("blobs/*"))
    hub.corrupt = False
    assert fetch(settings)[-1]["type"] == "finished"


def test_names_and_hashes_that_would_leave_the_cache(hub: Hub, settings: HubSettings) -> None:
    real = hub.sibling
    for change in ({"blobId": "../../x"}, {"rfilename": "../../../x"}, {"rfilename": "/x"}, {"blobId": ""}):
        hub.sibling = lambda n, c, change=change: {k: v for k, v in real(n, c).items() if k != "lfs"} | change  # type: ignore[method-assign]
        refused(settings, "hash", "refused, because")


def test_room_is_looked_at_first(settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1_000_000))
    assert [e["type"] for e in refused(settings, "disk", "1 MB free", "Make room")] == ["started"]


def test_a_cache_on_a_file_system_without_locks(settings: HubSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    if tuple(map(int, filelock.__version__.split(".")[:2])) < (3, 15):
        pytest.skip("this filelock takes a lock that cannot be had for one that is held")

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr("huggingface_hub.utils._fixes.WeakFileLock", lambda *a, **k: nullcontext(), raising=False)
    monkeypatch.setattr("huggingface_hub.file_download.WeakFileLock", lambda *a, **k: nullcontext(), raising=False)
    assert fetch(settings)[-1]["type"] == "finished"


@pytest.mark.parametrize(
    ("proxy", "words"),
    [("socks5://127.0.0.1:1", "a SOCKS proxy: pip install"), ("gopher://127.0.0.1:1", "the proxy that the environment names")],
)
def test_a_proxy_that_cannot_be_used(settings: HubSettings, monkeypatch: pytest.MonkeyPatch, proxy: str, words: str) -> None:
    if proxy.startswith("socks") and importlib.util.find_spec("socksio"):
        pytest.skip("the package is here")
    import huggingface_hub

    for name in ("http_proxy", "https_proxy", "no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    getattr(huggingface_hub, "close_session", lambda: None)()
    try:
        with pytest.raises(HubError, match=words):
            describe(ID, settings)
    finally:
        monkeypatch.undo()
        getattr(huggingface_hub, "close_session", lambda: None)()


def test_a_disk_that_fills_up(hub: Hub, settings: HubSettings) -> None:
    """A limit of 500,000 bytes per file acts like a full disk: the write fails in the same way."""
    script = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
from pathlib import Path
from hrm_model.hub.client import HubSettings
from hrm_model.hub.download import download
try:
    for event in download({ID!r}, HubSettings({hub.url!r}, cache=Path({str(settings.cache)!r}))): pass
except ValueError as error:
    print(error.kind, error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    assert run.stdout.startswith("disk ")
    assert "the disk is full" in run.stdout, run.stderr
    events = fetch(settings)
    assert events[0]["have"] == 500_000
    assert events[-1]["type"] == "finished"


# A process of its own ---------------------------------------------------------------------------------------------------


def child(settings: HubSettings) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hrm_model.hub.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"do": "download", "id": ID, "endpoint": settings.endpoint, "cache": str(settings.cache)}) + "\n")
    process.stdin.flush()
    return process


def test_a_killed_process_is_a_pause(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {"content": [("slow", 500_000)]}
    with child(settings) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("type") == "progress" and json.loads(line)["bytes"] > 100_000:
                break
        process.send_signal(signal.SIGKILL)
    with child(settings) as process:
        assert process.stdout is not None
        events = [json.loads(line) for line in process.stdout]
    assert events[0]["have"] > 100_000
    assert events[-1]["type"] == "finished"
    assert process.returncode == 0


def test_it_ends_with_who_started_it(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {"content": [("stall", 1000, 60)]}
    with child(settings) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=20) == 2


def test_a_fault_is_its_last_word(hub: Hub, settings: HubSettings) -> None:
    hub.faults = {"api": [("status", 404)]}
    with child(settings) as process:
        assert process.stdout is not None
        last = json.loads(list(process.stdout)[-1])
    assert (last["type"], last["kind"], process.returncode) == ("failed", "not_found", 1)
