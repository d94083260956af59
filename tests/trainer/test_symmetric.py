"""Training of symmetric models, and the options that their recipe needs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrm_model.act import Carry
from hrm_model.layers import rms_norm
from hrm_model.loss import act_loss
from hrm_model.make import make_model
from hrm_model.reasoning import solve_batch
from hrm_model.symmetric import SymmetricHRM, _AddNorm
from hrm_model.tasks.registry import task_named
from tests.support.runs import small, small_symmetric
from tests.support.training import losses, losses_after_a_cut
from trainer import measure
from trainer.data.batches import Batches, make_pool, may_end
from trainer.loop import Trainer
from trainer.optim import Muon, MuonAdamW
from trainer.presets import preset


def test_it_learns_and_goes_on_bit_for_bit() -> None:
    config = small_symmetric(steps=60, evaluate_every=1000, warmup_steps=10)
    batches = Batches(config, *make_pool(config))
    # A model that reasoned before in this process must not spoil training: what it caches is no inference tensor.
    solve_batch(make_model(config.model), np.ones((1, 16), int), segments=1)
    whole = losses(Trainer(config, batches))
    assert np.mean(whole[-10:]) < 0.7 * np.mean(whole[:10])
    assert losses_after_a_cut(config, batches, 5) == whole[5:]


def test_the_quick_preset_trains() -> None:
    config = preset("sudoku-quick")
    assert isinstance(make_model(config.model), SymmetricHRM)
    sets = tuple(s.model_copy(update={"count": 40}) for s in config.puzzles)
    few = config.model_copy(update={"puzzles": sets, "evaluation": (), "batch_size": 8, "warmup_steps": 3, "steps": 12, "log_every": 1})
    found = losses(Trainer(few.model_copy(update={"device": "cpu", "threads": 1, "dtype": "float32"}), Batches(few, *make_pool(few))))
    assert found[0] == pytest.approx(math.log(9), rel=0.01)  # it knows nothing, but gives padding and blanks no chance
    assert np.mean(found[-3:]) < 0.97 * found[0]


def test_what_it_learned_on_one_size_it_evaluates_on_all() -> None:
    config = small_symmetric(steps=2, evaluate_every=2)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    assert [e["step"] for events in trainer.train() for e in events if e["type"] == "evaluation"] == [2]
    for name in ("sudoku-4x4", "sudoku-6x6", "sudoku-9x9"):
        task = task_named(name)
        tokens = task.to_tokens(task.generate(2, np.random.default_rng(0), clues=task.cells // 2)[0])
        assert solve_batch(trainer.averaged_model(), tokens, segments=1).predictions.shape == (1, 2, task.cells)


def test_adding_and_norming_has_the_gradients_of_its_parts() -> None:
    torch.manual_seed(0)
    h, update, weights = (
        torch.randn(3, 4, 5, 16, requires_grad=True),
        torch.randn(3, 4, 5, 16, requires_grad=True),
        torch.randn(3, 4, 5, 16),
    )
    for found, expected in zip(
        torch.autograd.grad((_AddNorm.apply(h, update, 1e-5) * weights).sum(), (h, update)),
        torch.autograd.grad((rms_norm(h + update, 1e-5) * weights).sum(), (h, update)),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(_AddNorm.apply(h, update, 1e-5), rms_norm(h + update, 1e-5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chance", [1.0, 0.5])
def test_right_rows_end_by_chance_and_wrong_ones_go_on(chance: float) -> None:
    config = small_symmetric(end_when_right=chance, batch_size=32)
    batches = Batches(config, *make_pool(config))

    def solved(step: int) -> dict[str, torch.Tensor]:
        batch = batches(step)
        # In half of the rows nothing is asked, so that these are right whatever the model says.
        labels = torch.where(torch.arange(32)[:, None] % 2 == 0, -100, batch["labels"])
        return {**batch, "labels": labels}

    trainer = Trainer(config, solved)
    with torch.no_grad():
        assert trainer.model.q_head.bias is not None
        trainer.model.q_head.bias.fill_(5.0)  # sure of its answer from the start
    trainer.train_step()
    ends = may_end(config, 0)
    assert ends.all() == (chance == 1)
    assert trainer.carry.halted[::2].tolist() == ends[::2].tolist()
    assert not trainer.carry.halted[1::2].any()
    assert (may_end(config, 0) == ends).all()
    assert chance == 1 or (may_end(config, 1) != ends).any()
    limit = trainer.model.config.halt_max_steps
    for _ in range(limit - 1):
        trainer.train_step()
    assert trainer.carry.halted[1::2].all()


def test_q_values_weigh_as_much_as_is_asked() -> None:
    ones = torch.ones(2, 16, dtype=torch.long)
    state = torch.zeros(2, 16, 4)
    carry = Carry(state, state, torch.ones(2, dtype=torch.int32), torch.ones(2, dtype=torch.bool), ones, 2 * ones, torch.zeros(2).long())
    outputs = {"logits": torch.randn(2, 16, 6), "q_halt_logits": torch.tensor([1.0, -2.0]), "q_continue_logits": torch.zeros(2)}
    for weight in (0.5, 0.05, 0.0):
        loss, metrics = act_loss(carry, outputs, False, "softmax", q_weight=weight)
        assert float(loss) == pytest.approx(float(metrics["lm_loss"] + weight * metrics["q_halt_loss"]))
    config = small_symmetric()
    pool = make_pool(config)
    light, heavy = (Trainer(c, Batches(c, *pool)).train_step()["loss"] for c in (config, config.model_copy(update={"q_weight": 0.5})))
    assert float(light) < float(heavy)


def test_muon_with_a_rate_of_its_own_moves_by_orthogonal_matrices() -> None:
    torch.manual_seed(0)
    p = torch.nn.Parameter(torch.zeros(8, 24))
    p.grad = torch.randn(8, 24)
    Muon([p], lr=0.02, weight_decay=0.0, plain=True).step()
    values = torch.linalg.svdvals(p.detach()) / (0.02 * math.sqrt(3))  # 24 inputs, 8 outputs
    assert 0.65 < float(values.min()) < float(values.max()) < 1.3
    q = torch.nn.Parameter(torch.zeros(24, 8))
    q.grad = torch.randn(24, 8)
    Muon([q], lr=0.02, weight_decay=0.0, plain=True).step()
    assert float(torch.linalg.svdvals(q.detach() / 0.02).min()) > 0.65

    config = small_symmetric(lr=1e-3, muon_lr=0.04, warmup_steps=0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    assert isinstance(trainer.optimizer, MuonAdamW)
    names = {p: name for name, p in trainer.model.named_parameters()}
    trainer.train_step()
    muon, adamw = (part.param_groups[0] for part in trainer.optimizer.parts)
    assert (muon["lr"], adamw["lr"]) == (0.04, 1e-3)
    assert {names[p] for p in adamw["params"]} == {"roles", "answer", "q_head.weight", "q_head.bias"}
    assert all("_level.layers" in names[p] for p in muon["params"])
    with pytest.raises(ValidationError, match="muon_lr"):
        small(optimizer="adamw", muon_lr=0.02)


def test_its_needs_are_measured() -> None:
    config = small_symmetric(evaluation=[{"clues": 6, "count": 4}])
    small_needs = measure.memory_needs(config, torch.device("cpu"))
    deeper = config.model_copy(update={"model": config.model.model_copy(update={"H_cycles": 4})})
    assert 1.8 < measure.memory_needs(deeper, torch.device("cpu")).per_row / small_needs.per_row < 2.2
    found = measure.measure(config)
    assert found["parameters"] == sum(p.numel() for p in make_model(config.model).parameters())
    assert 0 < found["seconds_per_step"] < found["estimate_seconds"]
    assert found["seconds_per_puzzle"] > 0
