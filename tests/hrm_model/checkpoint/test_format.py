"""Whole checkpoints come back bit for bit; others are refused by name, and nothing in them runs."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hrm_model.checkpoint.format import load, save, sha256
from hrm_model.checkpoint.inspect import inspect
from hrm_model.errors import CheckpointError
from hrm_model.reasoning import solve_batch
from tests.paths import PUBLISHED_MODEL
from tests.support.evil import Evil
from tests.support.models import puzzle, tiny


@pytest.fixture
def own(tmp_path: Path) -> Path:
    save(tiny(), tmp_path / "own", {"task": "sudoku-4x4", "q_continue": False})
    return tmp_path / "own"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    shutil.copytree(PUBLISHED_MODEL, tmp_path / "published")
    return tmp_path / "published"


def test_an_own_checkpoint_comes_back_bit_for_bit(own: Path) -> None:
    loaded = load(own, "cpu")
    for name, tensor in tiny().state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
    same = solve_batch(loaded, puzzle()[None]).q_halt == solve_batch(tiny(), puzzle()[None]).q_halt
    assert same.all()
    assert inspect(own).given.extra["q_continue"] is False
    assert len(sha256(own)) == 64


def test_sizes_of_a_published_checkpoint_are_read_from_its_tensors(published: Path) -> None:
    config = load(published, "cpu").config
    assert (config.hidden_size, config.num_heads, config.H_layers, config.L_layers, config.seq_len) == (64, 2, 2, 2, 81)
    assert (config.H_cycles, config.L_cycles, config.pos_encodings, config.puzzle_emb_len) == (2, 2, "rope", 1)
    (published / "step_7").rename(published / "checkpoint")
    again = load(published / "checkpoint", "cpu")
    assert np.array_equal(again.config.model_dump(), config.model_dump())
    assert inspect(published).given.extra == {}


def refused(path: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(path, "cpu")
    for word in (str(path if path.is_dir() else path.parent), *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_checkpoints(tmp_path: Path, own: Path, published: Path) -> None:
    refused(tmp_path / "nowhere", "no such file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no checkpoint found")
    (own / "model.safetensors").write_bytes(b"not at all")
    refused(own, "not a complete safetensors file")


def test_noise_for_a_published_checkpoint_is_refused_whatever_it_makes_the_unpickler_do(published: Path) -> None:
    random = np.random.default_rng(0)
    for first in range(256):
        (published / "step_7").write_bytes(bytes([first]) + random.bytes(int(random.integers(300))))
        refused(published, "step_7")


def test_other_files_and_truncated_checkpoints_get_different_plain_messages(published: Path) -> None:
    file = published / "step_7"
    file.write_bytes(b"\xfb\x13" * 500)
    refused(published, "step_7: not a checkpoint; it is neither a safetensors file nor one of torch.save")
    file.write_bytes(pickle.dumps({"a": [1.0] * 1000})[:500])
    refused(published, "step_7: not a complete checkpoint (its list of tensors is damaged or cut short). Copy or download it again")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_what_is_cut_short(own: Path, published: Path, share: float) -> None:
    for file in (own / "model.safetensors", published / "step_7"):
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])
        refused(file.parent, file.name)


def test_what_does_not_fit(own: Path, published: Path) -> None:
    content = json.loads((own / "config.json").read_text())
    content["model"]["L_layers"] = 2
    (own / "config.json").write_text(json.dumps(content))
    refused(own, "does not fit", "L_level.layers.1")
    content["model"]["hidden_size"] = -4
    (own / "config.json").write_text(json.dumps(content))
    refused(own, "config.json", "hidden_size")
    for name, size in (("expansion", 1e308), ("H_cycles", 10**9), ("H_layers", 100_000)):
        absurd = {**content, "model": {**content["model"], "hidden_size": 64, name: size}}
        (own / "config.json").write_text(json.dumps(absurd))
        refused(own, "config.json", name)
    (own / "config.json").write_text("[]")
    refused(own, "config.json", "a list instead of")
    (own / "config.json").write_text("{")
    refused(own, "config.json", "not JSON")
    (published / "all_config.yaml").write_text("lr: 3")
    refused(published, "all_config.yaml", '"arch"')


def test_nan_and_infinite_weights(own: Path) -> None:
    model = tiny()
    with torch.no_grad():
        model.lm_head.weight[0, 0] = float("nan")
    save(model, own)
    refused(own, "lm_head.weight", "contains NaN or infinity")


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(published: Path, tmp_path: Path, how: str) -> None:
    marker = tmp_path / "ran"
    file = published / "step_7"
    if how == "torch":
        torch.save({"weights": Evil(marker)}, file)
    else:
        file.write_bytes(pickle.dumps(Evil(marker)))
    refused(published, "step_7")
    assert not marker.exists()
    yaml = published / "all_config.yaml"
    shutil.copy(PUBLISHED_MODEL / "step_7", file)
    yaml.write_text(f"arch: !!python/object/apply:os.system ['touch {marker}']\n")
    refused(published, "all_config.yaml")
    assert not marker.exists()


def test_a_checkpoint_that_holds_more_than_tensors(published: Path) -> None:
    torch.save({"a": 3}, published / "step_7")
    refused(published, "not a flat state dict")
    torch.save({"a": torch.ones(2)}, published / "step_7")
    refused(published, "does not fit")
