"""Training is repeatable, through phases and restarts, with every setting."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.support.runs import small
from tests.support.training import losses
from trainer.data.batches import Batches, make_pool
from trainer.loop import Trainer


def test_runs_with_equal_seeds_are_bit_identical_and_learn() -> None:
    config = small(steps=150, evaluate_every=1000, batch_size=32)
    pool = make_pool(config)
    first, second = (losses(Trainer(config, Batches(config, *pool))) for _ in range(2))
    assert first == second
    assert np.mean(first[-20:]) < 0.75 * np.mean(first[:20])
    other = losses(Trainer(small(steps=5, seed=1), Batches(config, *pool)))
    assert other[:5] != first[:5]


def test_phases_change_the_depth_and_survive_a_restart() -> None:
    deep = {"H_cycles": 2, "L_cycles": 2, "gradient": "all", "weight_decay": 0.3}
    phases = [{"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 3}, deep]
    config = small(steps=8, phases=phases, evaluate_every=100)
    batches = Batches(config, *make_pool(config))
    trainer = Trainer(config, batches)
    assert trainer.model.config.H_cycles == 1
    whole = losses(trainer)
    assert trainer.model.config.H_cycles == 2
    rest = Trainer(config, batches)
    # The schedule depends on the number of steps, so the run is stopped, not shortened.
    cut = Trainer(config, batches)
    stream = cut.train()
    for _ in range(5):
        next(stream)
    rest.load_state_dict(cut.state_dict())
    assert losses(rest) == whole[5:]


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "adam_atan2"])
def test_a_phase_has_its_own_weight_decay(optimizer: str) -> None:
    def norms(*decays: float | None) -> list[float]:
        phases = [{"until_step": 3, "weight_decay": decays[0]}, {"weight_decay": decays[1]}]
        config = small(steps=6, phases=phases, evaluate_every=100, log_every=1, optimizer=optimizer, weight_decay=0.5, warmup_steps=0)
        stream = Trainer(config, batches).train()
        return [e["values"]["weight_norm"] for events in stream for e in events if e["type"] == "metrics"]

    config = small()
    batches = Batches(config, *make_pool(config))
    same, released = norms(None, None), norms(None, 0.0)
    assert same == norms(0.5, 0.5)
    assert released[:3] == same[:3]
    assert all(free > held for free, held in zip(released[3:], same[3:], strict=True))


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "adam_atan2"])
def test_a_bfloat16_run_resumes_in_bfloat16_bit_for_bit(optimizer: str) -> None:
    config = small(steps=8, evaluate_every=100, dtype="bfloat16", optimizer=optimizer)
    batches = Batches(config, *make_pool(config))
    whole = losses(Trainer(config, batches))
    cut = Trainer(config, batches)
    stream = cut.train()
    for _ in range(5):
        next(stream)
    # A machine that would choose another dtype must not change that of a resumed run.
    rest = Trainer(config.model_copy(update={"dtype": "float32"}), batches)
    rest.load_state_dict(cut.state_dict())
    assert rest.model.config.forward_dtype == "bfloat16"
    assert losses(rest) == whole[5:]
    fine = losses(Trainer(config.model_copy(update={"dtype": "float32"}), batches))
    assert 0 < abs(fine[0] - whole[0]) < 0.01 * fine[0]
    assert rest.averaged_model().config.forward_dtype == "float32"  # evaluation uses float32 on a CPU


def test_with_wrong_go_on_wrong_rows_never_halt_early() -> None:
    config = small(wrong_go_on=True, batch_size=8, puzzle_emb_lr=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    with torch.no_grad():
        trainer.model.q_head.bias.fill_(5.0)  # is sure of its answer from the start
    limit = trainer.model.config.halt_max_steps
    for step in range(1, limit + 1):
        trainer.train_step()
        assert trainer.carry.steps.tolist() == [step] * 8
        assert trainer.carry.halted.all() == (step == limit)


def test_with_full_length_some_rows_take_all_segments() -> None:
    config = small(full_length=0.25, batch_size=8, puzzle_emb_lr=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    with torch.no_grad():
        trainer.model.q_head.bias.fill_(5.0)  # halts as soon as it may
    limit = trainer.model.config.halt_max_steps
    for step in range(1, limit + 1):
        trainer.train_step()
        assert trainer.carry.steps[:2].tolist() == [step, step]
        assert trainer.carry.halted[:2].tolist() == [step == limit] * 2
    assert trainer.carry.steps[2:].max() < limit


@pytest.mark.parametrize("name", ["adam_atan2", "adamw", "muon"])
def test_the_published_settings_train_too(name: str) -> None:
    config = small(
        steps=12, optimizer=name, loss="stablemax", q_continue=True, puzzle_emb_lr=1e-3, ema=0, clip=0, evaluate_every=100, lr=1e-3
    )
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    found = [e["values"] for events in trainer.train() for e in events if e["type"] == "metrics"]
    assert all(v["q_continue_loss"] > 0 and math.isfinite(v["loss"]) for v in found)
    assert trainer.model.puzzle_emb is not None
    assert trainer.model.puzzle_emb.weights.abs().sum() > 0


def test_training_goes_on_without_a_graph_if_the_capture_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr("trainer.loop.CapturedStep", refuse)
    config = small(steps=6)
    pool = make_pool(config)
    plain, other = (Trainer(config, Batches(config, *pool), captured=captured) for captured in (False, True))
    told = [e for events in other.train() for e in events]
    assert losses(plain) == [e["values"]["loss"] for e in told if e["type"] == "metrics"]
    assert [(e["code"], "stream is capturing" in e["message"]) for e in told if e["type"] == "warning"] == [("capture", True)]


def test_a_float32_run_is_evaluated_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("trainer.evaluation_sets.pick_dtype", lambda device, trained_in: asked.append(trained_in) or trained_in)
    for dtype in ("float32", "bfloat16"):
        config = small(dtype=dtype)
        assert Trainer(config, Batches(config, *make_pool(config))).averaged_model().config.forward_dtype == dtype
    assert asked == ["float32", "bfloat16"]
