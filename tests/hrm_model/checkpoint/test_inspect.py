"""Inspecting checkpoints before they are loaded: every layout, every prefix, with and without a configuration."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from hrm_model.checkpoint.format import load, load_inspected, save
from hrm_model.checkpoint.inspect import dtypes, inspect, statistics
from hrm_model.config import ModelConfig, tensor_shapes
from hrm_model.model import HRM
from hrm_model.reasoning import reason, solve_batch
from tests.paths import PUBLISHED_MODEL, ROOT
from tests.support import trm_reference
from tests.support.checkpoints import SMALL, hollow, published
from tests.support.models import tiny

KINDS: list[dict[str, Any]] = [
    {},
    {"puzzle_emb_ndim": 64, "num_puzzle_identifiers": 7},
    {"puzzle_emb_ndim": 100, "pos_encodings": "learned"},
    {"H_layers": 3, "L_layers": 2, "expansion": 2, "swiglu_multiple": 8, "pos_encodings": "rope2d"},
    {"pos_encodings": "grid", "box_height": 3, "box_width": 3},
    {"shared": True, "puzzle_emb_ndim": 64, "puzzle_slots": 16, "L_layers": 2, "H_layers": 2},
    {"shared": True, "mixer": "mlp", "pos_encodings": "none", "puzzle_emb_ndim": 64, "puzzle_slots": 16},
    {"shared": True, "pos_encodings": "learned"},
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_of_tensors_is_that_of_the_model(kind: dict[str, Any]) -> None:
    config = ModelConfig.model_validate(SMALL | kind)
    assert tensor_shapes(config) == {name: tuple(t.shape) for name, t in HRM(config).state_dict().items()}


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_come_from_the_tensors_alone(kind: dict[str, Any], tmp_path: Path) -> None:
    config = ModelConfig.model_validate(SMALL | kind)
    found = inspect(published(tmp_path / "p", config))
    assert found.fault == ""
    assert found.config is not None
    assert tensor_shapes(found.config) == tensor_shapes(config)
    for name in ("seq_len", "vocab_size", "hidden_size", "puzzle_emb_len", "H_layers", "L_layers", "shared", "mixer"):
        assert getattr(found.config, name) == getattr(config, name), name
    sources = {f.name: f for f in found.inferred}
    assert "(11, 64)" in sources["vocab_size"].source
    assert sources["H_cycles"].assumed
    assert any("no configuration" in note for note in found.notes)
    load(tmp_path / "p", "cpu")


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "model.", "module.", "_orig_mod.model.inner.", "module._orig_mod.model.inner."])
def test_old_prefixes(prefix: str, tmp_path: Path) -> None:
    found = inspect(published(tmp_path / "p", ModelConfig.model_validate(SMALL), prefix))
    assert found.fault == ""
    assert found.prefix == prefix
    assert found.tensors[0].name == "H_init"


def test_the_published_example() -> None:
    found = inspect(PUBLISHED_MODEL)
    assert found.fault == ""
    assert found.config is not None
    assert (found.config.num_heads, found.config.halt_max_steps, found.config.task) == (2, 5, "sudoku-9x9")
    model = load(PUBLISHED_MODEL, "cpu")
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.memory_bytes == 4 * sum(t.numel() for t in model.state_dict().values())
    sources = {f.name: f.source for f in found.inferred}
    assert sources["num_heads"] == "all_config.yaml"
    assert "vocabulary of 11" in sources["seq_len"]
    assert json.loads(json.dumps(found.as_json()))["missing"] == []
    assert {"parameters", "config", "missing", "unexpected", "mismatched", "inferred"} <= set(found.as_json())


def test_places(tmp_path: Path) -> None:
    run = tmp_path / "run"
    for step in (1, 20):
        save(tiny(), run / "checkpoints" / f"step_{step:06}", {"task": "sudoku-4x4"})
    assert inspect(run).files.weights.parent.name == "step_000020"
    (run / "checkpoints" / "best").write_text("step_000001\n")
    assert inspect(run).files.weights.parent.name == "step_000001"
    (run / "checkpoints" / "best").write_text("../../etc\n")
    assert inspect(run).files.weights.parent.name == "step_000020"
    own = run / "checkpoints" / "step_000001"
    assert inspect(own / "model.safetensors").fault == ""
    with zipfile.ZipFile(tmp_path / "mine.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in own.iterdir():
            archive.write(file, f"mine/{file.name}")
    shutil.make_archive(str(tmp_path / "theirs"), "zip", PUBLISHED_MODEL)
    for name, like in (("mine.zip", own), ("theirs.zip", PUBLISHED_MODEL)):
        found = inspect(tmp_path / name)
        assert found.fault == ""
        assert found.config == inspect(like).config
        assert found.files.name == Path(name).stem
    assert inspect(tmp_path / "mine.zip").given.extra["task"] == "sudoku-4x4"


def test_one_file_alone_and_several(tmp_path: Path) -> None:
    config = ModelConfig.model_validate(SMALL)
    published(tmp_path, config)
    (tmp_path / "step_10").rename(tmp_path / "network.pt")
    (tmp_path / "network.yaml").write_text(yaml.safe_dump({"arch": {"H_cycles": 3, "num_heads": 4}}))
    found = inspect(tmp_path)
    assert found.config is not None
    assert (found.config.H_cycles, found.config.num_heads) == (3, 4)
    shutil.copy(tmp_path / "network.pt", tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"several checkpoints: network\.pt, other\.pt\. Open one"):
        inspect(tmp_path)
    assert inspect(tmp_path / "network.pt").fault == ""


def test_a_training_loops_own_dict(tmp_path: Path) -> None:
    state = tiny().state_dict()
    torch.save({"model": state, "epoch": 3, "config": {"lr": 1e-4, "betas": [0.9, 0.95]}, "note": None}, tmp_path / "latest.pt")
    assert {t.name for t in inspect(tmp_path).tensors} == set(state)


def test_tables_of_what_does_not_fit(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "own")
    file = tmp_path / "own" / "config.json"
    content = json.loads(file.read_text())
    content["model"] |= {"L_layers": 2, "vocab_size": 7, "puzzle_emb_ndim": 0}
    file.write_text(json.dumps(content))
    found = inspect(tmp_path / "own")
    assert "L_level.layers.1.mlp.down_proj.weight" in found.missing
    assert found.unexpected == ("puzzle_emb.weights",)
    assert [(m.name, m.found, m.expected) for m in found.mismatched] == [
        ("embed_tokens.embedding_weight", (6, 16), (7, 16)),
        ("lm_head.weight", (6, 16), (7, 16)),
    ]
    with pytest.raises(ValueError, match="does not fit its configuration"):
        load(tmp_path / "own", "cpu")


def test_only_what_cannot_be_inferred_is_asked(tmp_path: Path) -> None:
    config = ModelConfig.model_validate(SMALL | {"vocab_size": 40, "seq_len": 49})
    found = inspect(published(tmp_path / "p", config))
    assert found.asks == ("seq_len",)
    assert "Enter seq_len" in found.fault
    again = inspect(tmp_path / "p", {"seq_len": 49, "num_heads": 2})
    assert again.fault == ""
    assert again.config is not None
    assert (again.config.seq_len, again.config.num_heads) == (49, 2)
    assert next(f.source for f in again.inferred if f.name == "seq_len") == "you"
    assert load(tmp_path / "p", "cpu", asked={"seq_len": 49}).config.seq_len == 49


def test_half_precision_and_bfloat16_initial_states(tmp_path: Path) -> None:
    published(tmp_path, ModelConfig.model_validate(SMALL))
    state = torch.load(tmp_path / "step_10", weights_only=True)
    for name in state:
        if name.endswith("_init"):
            state[name] = state[name].bfloat16()
    state["_orig_mod.model.inner.lm_head.weight"] = state["_orig_mod.model.inner.lm_head.weight"].half()
    torch.save(state, tmp_path / "step_10")
    assert dtypes(inspect(tmp_path)) == "float32, bfloat16 (2), float16 (1)"
    model = load(tmp_path, "cpu")
    assert torch.equal(model.H_init, state["_orig_mod.model.inner.H_init"].float())
    assert model.H_init.dtype == torch.float32


def test_tensors_that_are_views_come_back_as_they_were(tmp_path: Path) -> None:
    published(tmp_path, ModelConfig.model_validate(SMALL))
    state = torch.load(tmp_path / "step_10", weights_only=True)
    name = "_orig_mod.model.inner.L_level.layers.0.self_attn.o_proj.weight"
    state[name] = torch.randn(70, 70)[3:67, 5:69].T
    torch.save(state, tmp_path / "step_10")
    found = load(tmp_path, "cpu").state_dict()["L_level.layers.0.self_attn.o_proj.weight"]
    assert torch.equal(found, state[name])


def test_statistics_and_histogram(tmp_path: Path) -> None:
    save(tiny(), tmp_path / "own")
    found = inspect(tmp_path / "own")
    weight = tiny().state_dict()["lm_head.weight"].numpy()
    told = statistics(found, "lm_head.weight")
    assert told.numbers == weight.size == told.counts.sum()
    assert (told.low, told.high) == (weight.min(), weight.max())
    assert told.mean == pytest.approx(weight.mean(), abs=1e-6)
    assert told.std == pytest.approx(weight.std(), rel=1e-5)
    assert (told.zeros, told.not_finite) == (0, 0)
    assert statistics(found, "q_head.bias").low == -5


def test_a_file_that_changes_after_it_was_looked_into(tmp_path: Path) -> None:
    """A file that changes in place, like one that is still being copied: an error, and never a crash."""
    save(tiny(), tmp_path / "own")
    file = tmp_path / "own" / "model.safetensors"
    found = inspect(tmp_path / "own")
    content = file.read_bytes()
    with file.open("r+b") as stream:
        stream.truncate(4096)
    for attempt in (lambda: statistics(found, "lm_head.weight"), lambda: load_inspected(found, "cpu")):
        with pytest.raises(ValueError, match="has changed since it was inspected"):
            attempt()
    file.write_bytes(content)
    assert load_inspected(inspect(tmp_path / "own"), "cpu")
    file.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        statistics(found, "lm_head.weight")


def test_rows_of_a_large_tensor_are_sampled(tmp_path: Path) -> None:
    config = ModelConfig(hidden_size=64, num_heads=1, H_layers=1, L_layers=1, puzzle_emb_ndim=64, num_puzzle_identifiers=80_000)
    published(tmp_path, config)
    table = torch.load(tmp_path / "step_10", weights_only=True)["_orig_mod.model.inner.puzzle_emb.weights"].numpy()
    told = statistics(inspect(tmp_path), "puzzle_emb.weights")
    assert 1_000_000 < told.numbers < table.size
    picked = table[:: 80_000 // 16384]
    assert told.numbers == picked.size
    assert told.mean == pytest.approx(picked.mean(), abs=1e-6)
    assert told.high == picked.max()


def test_inspecting_loads_no_torch() -> None:
    script = f"import sys; from hrm_model.checkpoint.inspect import inspect; print(inspect({str(PUBLISHED_MODEL)!r}).parameters, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split()[1] == "False"


# The published models' sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "task", "parameters"),
    [
        ({"seq_len": 81, "vocab_size": 11}, "sudoku-9x9", 27_275_266),
        ({"seq_len": 900, "vocab_size": 6}, "maze-30x30", 27_270_146),
        ({"seq_len": 900, "vocab_size": 12, "num_puzzle_identifiers": 1_045_829}, "arc", 27_276_290),
    ],
)
def test_the_three_published_sizes(sizes: dict[str, int], task: str, parameters: int, tmp_path: Path) -> None:
    config = ModelConfig(puzzle_emb_ndim=512, **sizes)
    found = inspect(hollow(tmp_path / "p", config))
    assert found.fault == ""
    assert found.config is not None
    assert (found.config.task, found.parameters) == (task, parameters)
    assert found.config == config.model_copy(update={"num_puzzle_identifiers": sizes.get("num_puzzle_identifiers", 1)})
    assert found.mapped_bytes == (1_045_829 * 512 * 4 if task == "arc" else 0)
    assert found.memory_bytes < 120e6


def test_a_large_puzzle_table_stays_on_the_disk(tmp_path: Path) -> None:
    """1,045,829 rows are 2.1 GB; a process that may use 2 GB in all, torch and stack included, loads, reads and asks three of them."""
    config = ModelConfig(seq_len=900, vocab_size=12, puzzle_emb_ndim=512, num_puzzle_identifiers=1_045_829, H_layers=1, L_layers=1)
    folder = hollow(tmp_path / "p", config)
    script = f"""
import resource, numpy as np
from hrm_model.checkpoint.format import load
from hrm_model.checkpoint.inspect import inspect, statistics
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert statistics(inspect({str(folder)!r}), "puzzle_emb.weights").numbers > 1e6
model = load({str(folder)!r}, "cpu").float()
assert model.puzzle_emb.on_disk and tuple(model.puzzle_emb.weights.shape) == (1045829, 512)
x = model.embed(__import__("torch").zeros((3, 900), dtype=int), __import__("torch").tensor([0, 500000, 1045828]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 300  # MB


# TRM ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mlp", [False, True])
def test_a_published_trm_gives_what_its_paper_says(mlp: bool, tmp_path: Path) -> None:
    arch = {
        "name": "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1", "H_cycles": 3, "L_cycles": 6, "H_layers": 0, "L_layers": 2,
        "hidden_size": 64, "num_heads": 2, "expansion": 4, "puzzle_emb_ndim": 64, "pos_encodings": "none" if mlp else "rope", "mlp_t": mlp,
        "puzzle_emb_len": 16, "no_ACT_continue": True, "halt_max_steps": 16, "halt_exploration_prob": 0.1, "forward_dtype": "bfloat16",
    }  # fmt: skip
    like = ModelConfig.model_validate(
        SMALL
        | {"shared": True, "H_layers": 2, "L_layers": 2, "puzzle_emb_ndim": 64, "puzzle_slots": 16}
        | ({"mixer": "mlp", "pos_encodings": "none"} if mlp else {})
    )
    folder = published(tmp_path / "trm", like, arch=arch)
    found = inspect(folder)
    assert found.fault == ""
    assert found.kind == "TRM"
    assert found.config is not None
    assert (found.config.H_cycles, found.config.L_cycles, found.config.puzzle_emb_len) == (3, 6, 16)
    assert inspect(folder).given.extra["q_continue"] is False
    model = load(folder, "cpu", "float32")
    weights = {n.removeprefix("_orig_mod.model.inner."): t for n, t in torch.load(folder / "step_10", weights_only=True).items()}
    puzzle = np.random.default_rng(0).integers(1, 11, (2, 81))
    wanted = trm_reference.answers(weights, torch.as_tensor(puzzle), slots=16, heads=2, layers=2, cycles=(3, 6), segments=2)
    with torch.inference_mode():
        x = model.embed(torch.as_tensor(puzzle), torch.zeros(2, dtype=torch.long))
        z_H, z_L = model.initial_state(2)
        for _ in range(2):
            z_H, z_L, logits, _ = model.segment(z_H, z_L, x)
    torch.testing.assert_close(logits, wanted, atol=2e-4, rtol=0)
    steps = list(reason(model, puzzle[0], segments=2))
    assert len(steps) == 2 * 3 * 7
    assert {s.level for s in steps} == {"H", "L"}
    assert (steps[-1].prediction == solve_batch(model, puzzle, segments=2).predictions[-1, 0]).all()


def test_a_shared_module_is_saved_and_trained_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = HRM(ModelConfig.model_validate(SMALL | {"shared": True}))
    assert model.H_level is model.L_level
    assert not any(name.startswith("H_level") for name, _ in model.named_parameters())
    save(model, tmp_path / "own")
    again = load(tmp_path / "own", "cpu")
    assert again.H_level is again.L_level
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
