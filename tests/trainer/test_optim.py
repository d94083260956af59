"""Optimizers, the weight average and the schedule, each against its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hrm_model.model import PuzzleTable
from tests.support.runs import small
from trainer.data.batches import Batches, make_pool
from trainer.loop import Trainer
from trainer.optim import EMA, AdamATan2, Muon, MuonAdamW, SignSGD, learning_rate


def test_adam_atan2_follows_its_formula() -> None:
    generator = np.random.default_rng(0)
    start = generator.normal(size=7)
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = AdamATan2([p], lr=0.03, betas=(0.9, 0.95), weight_decay=0.2)
    w, m, v = start.copy(), np.zeros(7), np.zeros(7)
    for t in range(1, 6):
        g = generator.normal(size=7)
        p.grad = torch.tensor(g)
        optimizer.step()
        w *= 1 - 0.03 * 0.2
        m = m + (g - m) * (1 - 0.9)
        v = v + (g * g - v) * (1 - 0.95)
        w -= 0.03 / (1 - 0.9**t) * np.arctan2(m, np.sqrt(v) / math.sqrt(1 - 0.95**t))
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-12)


def test_adam_atan2_takes_a_learning_rate_of_zero_and_refuses_a_negative_one() -> None:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    AdamATan2([p], lr=0.0).step()
    assert (p == 1).all()
    with pytest.raises(ValueError, match="-1"):
        AdamATan2([p], lr=-1)


def test_sign_sgd_moves_only_the_rows_in_use_and_adds_up_repeated_ones() -> None:
    table = PuzzleTable(4, 2).train()
    table.weights.fill_(1.0)
    out = table(torch.tensor([2, 0, 2]))
    (out * torch.tensor([[1.0, -3.0], [5.0, 0.0], [-2.0, 1.0]])).sum().backward()
    SignSGD(table, weight_decay=0.1).step(lr=0.5)
    kept = 1 - 0.05
    # Row 0: sign (+, 0); row 2: signs of 1 − 2 and of −3 + 1.
    expected = torch.tensor([[kept - 0.5, kept], [1, 1], [kept + 0.5, kept + 0.5], [1, 1]])
    torch.testing.assert_close(table.weights, expected)


def test_weight_average_and_schedule() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    ema = EMA(model, 0.9)
    first = float(model.weight.detach())
    with torch.no_grad():
        model.weight += 1
    ema.update()
    assert float(ema.shadow["weight"]) == pytest.approx(first + (1 - 2 / 11))
    rates = [learning_rate(s, lr=2.0, warmup_steps=10, total_steps=110, min_ratio=0.1) for s in range(200)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[10] == pytest.approx(2.0)
    assert rates[60] == pytest.approx(2 * (0.1 + 0.9 * 0.5))
    assert rates[-1] == pytest.approx(0.2)


def test_muon_equals_torchs_within_bfloat16() -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon yet")
    for dtype in ("bfloat16", "float32"):
        torch.manual_seed(0)
        mine = [torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 24), (8, 24), (24, 8))]
        theirs = [torch.nn.Parameter(p.detach().clone()) for p in mine]
        start = [p.detach().clone() for p in mine]
        a = Muon(mine, lr=0.02, weight_decay=0.1, dtype=dtype)
        b = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        for _ in range(4):
            for p, q in zip(mine, theirs, strict=True):
                p.grad = torch.randn_like(p)
                q.grad = p.grad.clone()
            a.step()
            b.step()
        for p, q, s in zip(mine, theirs, start, strict=True):
            assert float((p - q).detach().norm()) <= 0.05 * float((q - s).detach().norm()), dtype


def test_muon_moves_the_modules_matrices_and_adamw_all_else() -> None:
    config = small(optimizer="muon", weight_decay=0.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    assert isinstance(trainer.optimizer, MuonAdamW)
    names = {p: name for name, p in trainer.model.named_parameters()}
    muon, adamw = ({names[p] for group in part.param_groups for p in group["params"]} for part in trainer.optimizer.parts)
    assert muon == {name for name in names.values() if "_level.layers" in name}
    assert adamw == set(names.values()) - muon
    before = {name: p.detach().clone() for p, name in names.items()}
    trainer.train_step()
    lr = trainer.optimizer.param_groups[0]["lr"]
    for p, name in names.items():
        moved = p.detach() - before[name]
        if name in muon:
            # All singular values are near 1, times the size of AdamW's steps.
            bound = 1.5 * 0.2 * lr * math.sqrt(max(moved.shape))
            assert 0.3 * bound < float(torch.linalg.matrix_norm(moved, 2)) < bound, name
        elif moved.abs().max() > 0:
            assert float(moved.abs().max()) <= 1.01 * lr, name  # AdamW's first step is lr · sign(g)
