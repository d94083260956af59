"""Compute with this project's code every array of tests/data/sudoku_tiny/expected.npz, and save them as NAME.npz.

Run as a script by test_reference.py, so that the instruction set of the reference machine can be asked for before torch loads.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from hrm_model.act import Carry, act_step, initial_carry
from hrm_model.checkpoint.format import load
from hrm_model.loss import act_loss
from hrm_model.model import HRM
from hrm_model.reasoning import reason
from tests.paths import PUBLISHED_MODEL
from trainer.optim import SignSGD


def reference_batch() -> dict[str, torch.Tensor]:
    expected = np.load(PUBLISHED_MODEL / "expected.npz")
    return {name: torch.tensor(expected[name]) for name in ("inputs", "labels", "puzzle_identifiers")}


def reference_carry(model: HRM, batch: dict[str, torch.Tensor], k: int) -> Carry:
    """What the reference's segment k began with."""
    if k == 0:
        return initial_carry(model, batch)
    expected, count = np.load(PUBLISHED_MODEL / "expected.npz"), len(batch["inputs"])
    return Carry(
        z_H=torch.tensor(expected[f"eval/{k - 1}/z_H"]), z_L=torch.tensor(expected[f"eval/{k - 1}/z_L"]),
        steps=torch.full((count,), k, dtype=torch.int32), halted=torch.zeros(count, dtype=torch.bool), **batch,
    )  # fmt: skip


def compute() -> dict[str, np.ndarray]:
    torch.set_num_threads(1)
    batch = reference_batch()
    found: dict[str, np.ndarray] = {}

    model = load(PUBLISHED_MODEL, device="cpu")
    chained = initial_carry(model, batch)
    with torch.no_grad():
        for k in range(model.config.halt_max_steps):
            chained, outputs = act_step(model, chained, batch)
            found[f"chain/{k}/logits"] = outputs["logits"]
            # Each segment begins where the reference's began: in a chain, the recurrence amplifies the last bit of both.
            carry, outputs = act_step(model, reference_carry(model, batch, k), batch)
            loss, metrics = act_loss(carry, outputs)
            found |= {f"eval/{k}/z_H": carry.z_H, f"eval/{k}/z_L": carry.z_L, f"eval/{k}/loss": loss}
            found |= {f"eval/{k}/{name}": outputs[name] for name in ("logits", "q_halt_logits", "q_continue_logits")}
            found |= {f"eval/{k}/metric/{name}": value for name, value in metrics.items()}
    found["eval/segments"] = torch.tensor(model.config.halt_max_steps)

    found |= _steps(model, batch["inputs"])

    model = load(PUBLISHED_MODEL, device="cpu").train()
    carry = initial_carry(model, batch)
    for k in range(3):
        model.zero_grad()
        carry, outputs = act_step(model, carry, batch)
        loss, metrics = act_loss(carry, outputs)
        found |= {f"train/{k}/loss": loss, f"train/{k}/halted": carry.halted, f"train/{k}/steps": carry.steps}
        found |= {f"train/{k}/metric/{name}": value for name, value in metrics.items()}
    (loss / len(batch["inputs"])).backward()
    found |= {f"train/2/grad/model.inner.{name}": p.grad for name, p in model.named_parameters()}
    assert model.puzzle_emb is not None
    assert model.puzzle_emb.local is not None
    found["train/2/grad/puzzle_emb.local_weights"] = model.puzzle_emb.local.grad
    SignSGD(model.puzzle_emb, weight_decay=0.1).step(lr=1e-2)
    found["train/2/puzzle_emb_after_sign_sgd"] = model.puzzle_emb.weights
    return {name: value.detach().numpy() for name, value in found.items()} | {k: v.numpy() for k, v in batch.items()}


def _steps(model: HRM, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """The first segment step by step: states as `reason` gives them, previews as logits and as the probabilities of its Steps."""
    found: dict[str, torch.Tensor] = {}
    traced = [list(reason(model, row.numpy(), segments=1)) for row in inputs]
    for index, steps in enumerate(zip(*traced, strict=True)):
        step = steps[0]
        states = torch.tensor(np.stack([s.state for s in steps]))
        if step.level == "H":
            found[f"steps/{index}/H/{step.h_cycle}/z_H"] = states
        else:
            name = f"steps/{index}/L/{step.h_cycle}/{step.l_step}"
            found[f"{name}/z_L"] = states
            found[f"{name}/preview_probability"] = torch.tensor(np.stack([s.probability for s in steps]))
    with torch.no_grad():
        x = model.embed(inputs, torch.zeros(len(inputs), dtype=torch.long))
        z_H, z_L = model.initial_state(len(inputs))
        for index, call in enumerate(model.calls()):
            if call.level == "H":
                z_H = model.call("H", z_H, z_L, x)
            else:
                z_L = model.call("L", z_H, z_L, x)
                name = f"steps/{index}/L/{call.h_cycle}/{call.l_step}/preview_logits"
                found[name] = model.logits(model.call("H", z_H, z_L, x), x)
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **compute())
