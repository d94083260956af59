"""The memory and the gradients around a captured CUDA graph. The graph itself is faked here: tests/trainer/test_cuda.py has the real one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch

from hrm_model.act import Carry
from tests.support.runs import small
from tests.support.training import losses
from trainer.capture import CapturedStep
from trainer.data.batches import Batches, make_pool
from trainer.loop import Trainer
from trainer.optim import drop_gradients

PHASES = [{"H_cycles": 1, "L_cycles": 1, "gradient": "step", "until_step": 6}, {"H_cycles": 2, "L_cycles": 2, "gradient": "all"}]


class FakeStep(CapturedStep):
    """A fake graph: it computes again, and writes into the memory of the capture as a real one does."""

    captures = 0

    def __init__(self, gradients: Any, *arguments: Any) -> None:
        super().__init__(gradients, *arguments)
        type(self).captures += 1

        def replay() -> None:
            drop_gradients(self.parameters, self.table)
            carry, sums = gradients(self.batch, self.carry)
            new = [*carry.state().values(), *sums.values(), *(p.grad for p in self.parameters), *self._collected()]
            memory = [*self.carry.state().values(), *self.sums.values(), *self.gradients, *self.collected[0], *self.collected[1]]
            for target, source in zip(memory, new, strict=True):
                if source is not None:
                    target.copy_(source)
            drop_gradients(self.parameters, self.table)

        self.graph.replay = replay

    def _collected(self) -> list[torch.Tensor]:
        return [tensor for tensors in self.table.collected() for tensor in tensors] if self.table else []


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nothing(*_: object, **__: object) -> Iterator[None]:
        yield

    for name in ("device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, nothing)
    for name in ("CUDAGraph", "Stream", "current_stream", "set_stream"):
        monkeypatch.setattr(torch.cuda, name, MagicMock())
    monkeypatch.setattr("trainer.loop.CapturedStep", FakeStep)
    FakeStep.captures = 0


@pytest.mark.usefixtures("fake_cuda")
@pytest.mark.parametrize("changes", [{}, {"puzzle_emb_lr": 1e-2, "q_continue": True}, {"optimizer": "muon"}])
def test_replayed_steps_train_as_plain_ones(changes: dict[str, object]) -> None:
    config = small(steps=14, evaluate_every=100, phases=PHASES, **changes)
    pool = make_pool(config)
    plain, captured = (Trainer(config, Batches(config, *pool), captured=way) for way in (False, True))
    middle: dict[str, Any] = {}
    expected = []
    for events in plain.train():
        expected += [e["values"]["loss"] for e in events if e["type"] == "metrics"]
        if plain.step == 8:
            file = io.BytesIO()
            torch.save(plain.state_dict(), file)
            middle = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    assert losses(captured) == expected
    assert captured.captured is not None
    assert captured.notices == []
    assert FakeStep.captures == 2  # one for each depth
    # A loaded state is captured anew.
    captured.load_state_dict(middle)
    assert captured.captured is None
    assert losses(captured) == expected[8:]
    assert FakeStep.captures == 3


@pytest.mark.usefixtures("fake_cuda")
def test_a_capture_that_fails_changes_nothing() -> None:
    config = small(puzzle_emb_lr=1e-2)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    assert trainer.sign_sgd is not None
    before = {name: tensor.clone() for name, tensor in trainer.carry.state().items()}
    passes = 0

    def gradients(batch: Any, carry: Carry) -> Any:
        nonlocal passes
        passes += 1
        if passes == 4:  # after the warm-up
            trainer.backward(batch, carry)
            raise RuntimeError("operation not permitted when stream is capturing")
        return trainer.backward(batch, carry)

    with pytest.raises(RuntimeError, match="not permitted"):
        CapturedStep(gradients, trainer.batch(0), trainer.carry, trainer.model.parameters(), trainer.sign_sgd)
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    assert trainer.sign_sgd.collected() == ([], [])
    assert all(tensor.equal(before[name]) for name, tensor in trainer.carry.state().items())


@pytest.mark.usefixtures("fake_cuda")
def test_a_replay_computes_from_the_batch_and_carry_it_is_given() -> None:
    config = small()
    trainer, other = (Trainer(config, Batches(config, *make_pool(config))) for _ in range(2))
    step = FakeStep(trainer.backward, trainer.batch(0), trainer.carry, trainer.model.parameters(), trainer.sign_sgd)
    other.carry, _ = other.backward(other.batch(0), other.carry)
    given = Carry(**{name: tensor.clone() for name, tensor in other.carry.state().items()})
    drop_gradients(other.model.parameters(), other.sign_sgd)
    carry, sums = other.backward(other.batch(1), other.carry)
    replayed, found = step.replay(trainer.batch(1), given)
    assert all(tensor.equal(replayed.state()[name]) for name, tensor in carry.state().items())
    assert {name: float(value) for name, value in found.items()} == {name: float(value) for name, value in sums.items()}
    for one, two in zip(trainer.model.parameters(), other.model.parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None)
        assert one.grad is None or one.grad.equal(two.grad)
