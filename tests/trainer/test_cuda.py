"""Training on a graphics card. Skipped without CUDA."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hrm_model.checkpoint.format import load
from tests.support.runs import Start, small
from trainer.config import RunConfig
from trainer.data.batches import Batches, make_pool
from trainer.loop import Trainer
from trainer.measure import RandomBatches, memory_needs
from trainer.presets import preset
from trainer.runs.run_dir import RunDir

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")


def trainer_of(config: RunConfig, **options: object) -> Trainer:
    return Trainer(config, Batches(config, *make_pool(config)), **options)  # type: ignore[arg-type]


def losses(trainer: Trainer, steps: int) -> list[float]:
    return [float(trainer.train_step()["loss"]) / trainer.config.batch_size for _ in range(steps)]


def written_and_read(trainer: Trainer) -> Any:
    file = io.BytesIO()
    torch.save(trainer.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True, map_location="cuda")


@pytest.mark.parametrize("optimizer", ["adamw", "adam_atan2", "muon"])
def test_losses_on_the_card_equal_those_on_the_cpu(optimizer: str) -> None:
    config = small(optimizer=optimizer, dtype="float32", q_continue=True, puzzle_emb_lr=1e-3)
    there, here = (losses(trainer_of(config, device=device), 8) for device in ("cuda", "cpu"))
    assert there == pytest.approx(here, rel=2e-3)


@pytest.mark.filterwarnings("ignore")  # torch.compile warns of itself
@pytest.mark.parametrize("compiled", [False, True])
def test_bfloat16_learns_almost_as_float32_does(compiled: bool) -> None:
    half, whole = (
        losses(trainer_of(small(dtype=dtype, steps=200), device="cuda", compiled=compiled and dtype == "bfloat16"), 60)
        for dtype in ("bfloat16", "float32")
    )
    assert half[-1] < 0.8 * half[0]
    assert sum(half[-10:]) == pytest.approx(sum(whole[-10:]), rel=0.3)


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam_atan2", "q_continue": True, "puzzle_emb_lr": 1e-2}, {"optimizer": "muon"}])
def test_captured_steps_equal_plain_ones(changes: dict[str, object]) -> None:
    phases = [{"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 6}, {"H_cycles": 2, "L_cycles": 2, "gradient": "all"}]
    config = small(dtype="float32", phases=phases, steps=30, full_length=0.25, **changes)
    plain, captured = (trainer_of(config, device="cuda", captured=way) for way in (False, True))
    found = [[[e["values"] for e in events if e["type"] == "metrics"] for events in t.train()] for t in (plain, captured)]
    assert captured.captured is not None, captured.notices
    assert plain.captured is None
    assert captured.phase == 1
    for one, other in zip(*found, strict=True):
        assert len(one) == len(other)
        for name in one[0] if one else ():
            assert other[0][name] == pytest.approx(one[0][name], rel=2e-3, abs=1e-4), name
    # A loaded state replaces the memory of the capture.
    captured.load_state_dict(written_and_read(plain))
    assert losses(captured, 4) == pytest.approx(losses(plain, 4), rel=2e-3)


def test_a_loaded_state_continues_with_equal_losses() -> None:
    config = small(dtype="bfloat16")
    first = trainer_of(config, device="cuda")
    losses(first, 5)
    second = trainer_of(config, device="cuda")
    second.load_state_dict(written_and_read(first))
    assert losses(second, 5) == pytest.approx(losses(first, 5), rel=1e-3)


def test_a_checkpoint_of_the_card_loads_on_the_cpu(start: Start, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", small(steps=60, log_every=10, device="auto"))
    assert start(run.path).wait(600) == 0, (tmp_path / "stderr.txt").read_text()
    assert json.loads((run.path / "env.json").read_text())["device"].startswith("cuda")
    events = list(run.events().read())
    machine = [e["values"] for e in events if e["type"] == "machine"]
    assert any("gpu_memory_bytes" in values for values in machine)
    last = run.pointer("last")
    assert last is not None
    assert load(last, "cpu").device.type == "cpu"


def test_out_of_memory_halves_the_micro_batch() -> None:
    config = preset("sudoku-9x9").model_copy(update={"batch_size": 512, "phases": (), "dtype": "float32"})
    fraction = 700e6 / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(fraction)
    try:
        trainer = Trainer(config, RandomBatches(config), device="cuda")
        trainer.train_step()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert trainer.micro_batch < 512
    assert [code for code, _ in trainer.notices] == ["memory"] * len(trainer.notices)


@pytest.mark.parametrize("name", ["sudoku-9x9", "maze-11x11"])
def test_memory_is_what_was_calculated(name: str) -> None:
    config = preset(name).model_copy(update={"batch_size": 64, "phases": (), "compile": "off"})
    told = memory_needs(config, torch.device("cuda"))
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    trainer = Trainer(config, RandomBatches(config), device="cuda")
    for _ in range(2):
        trainer.train_step()
    peak = torch.cuda.max_memory_allocated() - before
    assert 0.5 * peak < told.fixed + 64 * told.per_row < 2 * peak
