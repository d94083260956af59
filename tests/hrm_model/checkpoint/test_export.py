"""Converted and exported checkpoints hold the same numbers; a failed export leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from hrm_model.checkpoint.export import convert, export
from hrm_model.checkpoint.format import load
from hrm_model.checkpoint.inspect import inspect
from hrm_model.config import ModelConfig
from hrm_model.errors import CheckpointError
from tests.paths import PUBLISHED_MODEL, ROOT
from tests.support.checkpoints import hollow, published


def test_converted_to_safetensors(tmp_path: Path) -> None:
    folder = convert(inspect(PUBLISHED_MODEL), tmp_path / "out")
    assert {p.name for p in folder.iterdir()} == {"model.safetensors", "config.json"}
    found = inspect(folder)
    assert found.fault == ""
    assert found.config == inspect(PUBLISHED_MODEL).config
    before, after = load(PUBLISHED_MODEL, "cpu").state_dict(), load(folder, "cpu").state_dict()
    assert all(torch.equal(before[n], after[n]) for n in before)
    from safetensors.torch import load_file

    assert set(load_file(folder / "model.safetensors")) == set(before)
    assert len(inspect(folder).given.extra["converted_from"]["sha256"]) == 64
    with pytest.raises(CheckpointError, match="already exists"):
        convert(inspect(PUBLISHED_MODEL), folder)


def test_every_dtype_stays(tmp_path: Path) -> None:
    published(tmp_path / "in", ModelConfig(hidden_size=64, num_heads=1, H_layers=1, L_layers=1))
    state = torch.load(tmp_path / "in" / "step_10", weights_only=True)
    for number, name in enumerate(sorted(state)):
        state[name] = state[name].to((torch.bfloat16, torch.float16, torch.float32)[number % 3])
    state["_orig_mod.model.inner.q_head.weight"] = state["_orig_mod.model.inner.q_head.weight"].T.contiguous().T
    torch.save(state, tmp_path / "in" / "step_10")
    folder = convert(inspect(tmp_path / "in"), tmp_path / "out")
    from safetensors.torch import load_file

    after = load_file(folder / "model.safetensors")
    for name, tensor in state.items():
        assert torch.equal(after[name.removeprefix("_orig_mod.model.inner.")], tensor)


def test_exported_with_a_card(tmp_path: Path) -> None:
    text = (export(inspect(PUBLISHED_MODEL), tmp_path / "a", "apache-2.0") / "README.md").read_text()
    assert text.startswith("---\nlicense: apache-2.0\n")
    assert "| reads | sudoku-9x9: 81 cells, 11 tokens |" in text
    assert "Accuracy: not measured" in text
    (tmp_path / "b").mkdir()
    for name in ("step_7", "all_config.yaml"):
        (tmp_path / "b" / name).write_bytes((PUBLISHED_MODEL / name).read_bytes())
    (tmp_path / "b" / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    assert (export(inspect(tmp_path / "b"), tmp_path / "c") / "README.md").read_text() == "---\nlicense: mit\n---\n# Mine\n"


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "step_1")
    with pytest.raises(CheckpointError, match="does not fit an HRM"):
        convert(inspect(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    script = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
from hrm_model.checkpoint.inspect import inspect
from hrm_model.checkpoint.export import export
try: export(inspect({str(PUBLISHED_MODEL)!r}), {str(tmp_path / "out")!r})
except ValueError as error: print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "out: cannot be written" in run.stdout, run.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_large_table_is_copied_piece_by_piece(tmp_path: Path) -> None:
    config = ModelConfig(
        seq_len=900, vocab_size=12, puzzle_emb_ndim=512, num_puzzle_identifiers=50_000, H_layers=1, L_layers=1, hidden_size=64, num_heads=1
    )
    found = inspect(hollow(tmp_path / "p", config))
    tracemalloc.start()
    folder = convert(found, tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (folder / "model.safetensors").stat().st_size > 102e6
    assert peak < 40e6
    assert np.array_equal(inspect(folder).file.read("H_init"), np.zeros(64, np.float32))
