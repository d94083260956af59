from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from hrm_studio.cli.main import app
from tests.paths import PUBLISHED_MODEL
from tests.support.hub_server import COMMIT, Hub

ID = "sapientinc/HRM-checkpoint-sudoku-extreme"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """Options that name a local Hub and its cache."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True, raising=False)
    files = {n: (PUBLISHED_MODEL / n).read_bytes() for n in ("step_7", "all_config.yaml")}
    with Hub({ID: files}) as server:
        yield ["--endpoint", server.url, "--cache", str(tmp_path / "cache")]


def test_plain_models_still_lists_what_ships() -> None:
    assert run().stdout.splitlines()[0].startswith("sudoku-9x9")


def test_list(tmp_path: Path) -> None:
    found = json.loads(run("list", "--cache", str(tmp_path), "--json").stdout)
    assert [m["name"] for m in found["bundled"]][:2] == ["sudoku-9x9", "sudoku-9x9-wide"]  # the first of a task is what is taken for it
    assert {m["name"] for m in found["bundled"]} >= {"sudoku-4x4", "sudoku-6x6", "maze-11x11"}
    assert found["cached"] == []
    assert {m["id"] for m in found["known"]} >= {ID}
    shown = run("list", "--cache", str(tmp_path)).stdout
    assert "55.0 % of Sudoku-Extreme (HRM paper, arXiv 2506.21734)" in shown
    assert "licence unknown" in shown


def test_inspect_prints_what_the_issue_names(tmp_path: Path) -> None:
    found = json.loads(run("inspect", str(PUBLISHED_MODEL), "--json").stdout)
    assert {"parameters", "config", "missing", "unexpected", "mismatched", "inferred"} <= set(found)
    assert found["config"]["hidden_size"] == 64
    shown = run("inspect", "sudoku-4x4", "--tensors").stdout
    assert "108,162 parameters" in shown
    assert "lm_head.weight" in shown
    torch.save({"a": torch.ones(2)}, tmp_path / "step_1")
    bad = run("inspect", str(tmp_path))
    assert bad.exit_code == 1
    assert "cannot be loaded: does not fit an HRM" in bad.stdout
    assert json.loads(run("inspect", str(tmp_path), "--json").stdout)["fault"]


def test_settings_by_hand(tmp_path: Path) -> None:
    shutil.copy(PUBLISHED_MODEL / "step_7", tmp_path / "step_7")
    found = json.loads(run("inspect", str(tmp_path), "--set", "num_heads=2", "--set", "pos_encodings=rope2d", "--json").stdout)
    assert (found["config"]["num_heads"], found["config"]["pos_encodings"]) == (2, "rope2d")
    assert "expected NAME=VALUE" in run("inspect", str(tmp_path), "--set", "num_heads").stderr
    assert "num_heads" in run("inspect", str(tmp_path), "--set", "num_heads=7").stdout


def test_pull_use_and_clear(hub: list[str]) -> None:
    cache = hub[2:]
    early = run("inspect", ID, *cache)
    assert early.exit_code == 2
    assert f"Run: hrm-studio models pull {ID}" in early.stderr
    found = json.loads(run("pull", ID, *hub, "--json").stdout)
    assert (found["id"], found["commit"]) == (ID, COMMIT)
    assert run("pull", ID, *hub).stdout.strip() == found["path"]
    assert json.loads(run("inspect", ID, *cache, "--json").stdout)["fault"] == ""
    assert json.loads(run("list", *cache, "--json").stdout)["cached"][0]["id"] == ID
    assert "MB freed" in run("clear", ID, *cache).stdout
    missing = run("pull", "nobody/nothing", *hub)
    assert missing.exit_code == 2
    assert (
        missing.stderr.strip()
        == "hrm-studio: nobody/nothing: not found. There is no such repository, or it is private and needs a token that may read it"
    )
    assert run("pull", ID, *hub, "--offline").exit_code == 2
    assert ID in run("search", "sudoku", *hub[:2]).stdout


def test_convert_export_and_push(hub: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert run("convert", str(PUBLISHED_MODEL), str(tmp_path / "a")).stdout.strip() == str(tmp_path / "a")
    assert "already exists" in run("convert", str(PUBLISHED_MODEL), str(tmp_path / "a")).stderr
    assert run("export", str(tmp_path / "a"), str(tmp_path / "b"), "--license", "mit").exit_code == 0
    assert "license: mit" in (tmp_path / "b" / "README.md").read_text()
    assert json.loads(run("inspect", str(tmp_path / "b"), "--json").stdout)["fault"] == ""
    denied = run("push", "sudoku-4x4", "nobody", *hub)
    assert denied.exit_code == 2
    assert "it has the form owner/name" in denied.stderr


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own
def test_push(hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")  # the command sets it, and it must not stay after this test
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub[1])  # read from it at import, which was before this test
    assert run("push", "sudoku-4x4", "me/mine", *hub, "--token", "hf_x").stdout.strip().endswith("/me/mine")
