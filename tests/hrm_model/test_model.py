from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrm_model.act import act_step, initial_carry
from hrm_model.config import ModelConfig, parameter_count
from hrm_model.device import available_devices, describe, pick_device, pick_dtype, use_threads
from hrm_model.layers import attention_backend
from hrm_model.loss import IGNORE, act_loss, stablemax_cross_entropy
from hrm_model.model import HRM, segment_calls
from hrm_model.reasoning import reason, solve_batch
from hrm_model.recording import record
from hrm_model.trace.data import PuzzleInfo
from tests.support.models import TINY, puzzle, tiny


def batch(rows: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "inputs": torch.randint(1, 6, (rows, 16), generator=generator),
        "labels": torch.randint(2, 6, (rows, 16), generator=generator),
        "puzzle_identifiers": torch.zeros(rows, dtype=torch.long),
    }


def test_the_published_sudoku_model_has_the_published_number_of_parameters() -> None:
    config = ModelConfig(puzzle_emb_ndim=512)
    # The paper's figure leaves out the table of puzzle vectors, here one of 512 numbers.
    assert parameter_count(config) == 27_275_266 + 512
    assert config.steps_per_segment == 6
    assert config.swiglu_size == 1536


@pytest.mark.parametrize("encoding", ["rope", "learned", "rope2d", "grid"])
def test_every_position_encoding_tells_cells_apart(encoding: str) -> None:
    model = tiny(pos_encodings=encoding, box_height=2, box_width=2)
    assert sum(p.numel() for p in model.parameters()) + 16 == parameter_count(model.config)
    same = solve_batch(model, np.full((1, 16), 2), segments=1)
    steps = list(reason(model, np.full(16, 2), segments=1))
    state = steps[-1].state
    assert state is not None
    assert same.predictions.shape == (1, 1, 16)
    if encoding in ("learned", "grid"):
        assert len(np.unique(state[1:].round(5), axis=0)) > 8
    swapped = puzzle()
    swapped[[0, 5]] = swapped[[5, 0]]
    assert (next(reason(model, swapped)).state != next(reason(model, puzzle())).state).any()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 15}, "not a multiple of num_heads"),
        ({"hidden_size": 12, "num_heads": 2, "pos_encodings": "rope2d"}, "needs a multiple of 4"),
        ({"seq_len": 15, "pos_encodings": "grid"}, "square board"),
        ({"box_height": 2}, "must both be given"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ModelConfig.model_validate(TINY.model_dump() | changes)


def test_which_calls_carry_gradient() -> None:
    def names(gradient: str) -> str:
        return "".join(c.level if c.carries_gradient else c.level.lower() for c in segment_calls(2, 2, gradient))  # type: ignore[arg-type]

    assert [names(g) for g in ("step", "cycle", "all")] == ["llhlLH", "llhLLH", "LLHLLH"]


def test_traced_and_untraced_runs_are_bit_identical() -> None:
    model = tiny()
    full = list(reason(model, puzzle(), segments=3))
    bare = list(reason(model, puzzle(), segments=3, previews=False, states=False))
    assert len(full) == len(bare) == 18
    for a, b in zip(full, bare, strict=True):
        assert (a.segment, a.h_cycle, a.l_step, a.level, a.q_halt) == (b.segment, b.h_cycle, b.l_step, b.level, b.q_halt)
        if b.probability is not None:
            np.testing.assert_array_equal(a.probability, b.probability)
    answers = solve_batch(model, puzzle()[None], segments=3)
    np.testing.assert_array_equal(answers.predictions[-1, 0], full[-1].prediction)
    assert answers.q_halt[-1, 0] == np.float32(full[-1].q_halt)


def test_what_was_recorded_is_what_was_yielded() -> None:
    model = tiny()
    info = PuzzleInfo("sudoku-4x4", puzzle())
    trace = record(model, info, segments=2)
    assert len(trace) == 12
    assert trace.segments == 2
    for step, given in enumerate(reason(model, puzzle(), segments=2)):
        np.testing.assert_array_equal(trace.state_after(step, given.level), given.state)
        np.testing.assert_array_equal(trace.prediction[step], given.prediction)
    assert record(model, info, segments=2, state_dtype=None).z_H is None
    assert record(model, info, segments=2, state_dtype="float16").z_L.dtype == np.float16  # type: ignore[union-attr]


def test_puzzles_that_do_not_fit_the_model_are_named() -> None:
    with pytest.raises(ValueError, match="boards of 16 cells; the puzzle has 81"):
        reason(tiny(), np.ones(81))
    with pytest.raises(ValueError, match="0 to 5"):
        reason(tiny(), np.full(16, 9))
    with pytest.raises(ValueError, match="at least 1"):
        reason(tiny(), puzzle(), segments=0)


def test_a_halted_row_starts_over_with_a_new_example_and_others_go_on() -> None:
    model = tiny(halt_exploration_prob=0.0).train()
    first, other = batch(), {k: v.flip(0) for k, v in batch().items()}
    carry, _ = act_step(model, initial_carry(model, first), first, q_continue=False)
    carry.halted = torch.tensor([True, False, False])
    after, _ = act_step(model, carry, other, q_continue=False)
    assert after.steps.tolist() == [1, 2, 2]
    assert torch.equal(after.inputs[0], other["inputs"][0])
    assert torch.equal(after.inputs[1:], first["inputs"][1:])
    assert not after.z_H.requires_grad


def test_training_halts_at_the_limit_and_evaluation_only_there() -> None:
    for training in (True, False):
        model = tiny(halt_max_steps=3, halt_exploration_prob=0.0).train(training)
        with torch.no_grad():
            model.q_head.bias.copy_(torch.tensor([50.0, -50.0]))  # wants to halt at once
        carry = initial_carry(model, batch())
        halted = []
        for _ in range(3):
            carry, _ = act_step(model, carry, batch())
            halted.append(bool(carry.halted.all()))
        assert halted == ([True] * 3 if training else [False, False, True])


def test_the_loss_leaves_out_what_is_not_asked_for() -> None:
    model = tiny().train()
    example = batch()
    example["labels"][:, :8] = IGNORE
    carry, outputs = act_step(model, initial_carry(model, example), example)
    loss, metrics = act_loss(carry, outputs)
    by_hand = stablemax_cross_entropy(outputs["logits"], example["labels"])[:, 8:].mean(dim=1).sum()
    assert float(metrics["lm_loss"]) == pytest.approx(float(by_hand.detach()))
    assert float(loss.detach()) == pytest.approx(float((by_hand + 0.5 * (metrics["q_halt_loss"] + metrics["q_continue_loss"])).detach()))
    blanks = act_loss(carry, outputs, cells="blanks")[1]["lm_loss"]
    assert blanks != metrics["lm_loss"]


def test_with_blanks_alone_a_row_is_right_whatever_it_says_of_its_givens() -> None:
    model = tiny().train()
    example = batch()
    example["labels"][:, :8] = example["inputs"][:, :8]
    example["labels"][:, 8:] = (example["inputs"][:, 8:] + 1) % model.config.vocab_size
    carry, outputs = act_step(model, initial_carry(model, example), example)
    carry = replace(carry, halted=torch.ones_like(carry.halted))
    said = torch.where(torch.arange(example["labels"].shape[1]) < 8, carry.labels + 1, carry.labels) % model.config.vocab_size
    outputs["logits"] = 20 * torch.nn.functional.one_hot(said.long(), model.config.vocab_size).float()
    rows = len(said)
    assert int(act_loss(carry, outputs)[1]["exact_accuracy"]) == 0
    metrics = act_loss(carry, outputs, cells="blanks")[1]
    assert int(metrics["exact_accuracy"]) == int(metrics["accuracy"]) == rows
    by_hand = stablemax_cross_entropy(outputs["logits"], carry.labels)[:, 8:].mean(dim=1).sum()
    assert float(metrics["lm_loss"]) == pytest.approx(float(by_hand))


def test_devices_are_listed_and_refused_by_name() -> None:
    assert available_devices()[-1] == "cpu"
    assert pick_dtype(torch.device("cpu")) == "float32"
    assert describe(tiny()) == {"device": "cpu", "dtype": "float32", "attention": "sdpa"}
    for name in ("cuda:7", "abacus"):
        with pytest.raises(ValueError, match=name):
            pick_device(name)


def test_cuda_with_flash_attention_is_chosen_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logic only, with the device faked: nothing here was run on a GPU."""
    monkeypatch.setattr("hrm_model.layers.flash_attention", lambda: lambda *a, **k: None)
    assert attention_backend(torch.device("cuda"), torch.bfloat16) == "flash-attn"
    assert attention_backend(torch.device("cuda"), torch.float32) == "sdpa"
    assert attention_backend(torch.device("cpu"), torch.bfloat16) == "matmul"
    monkeypatch.setattr("hrm_model.layers.flash_attention", lambda: None)
    assert attention_backend(torch.device("cuda"), torch.bfloat16) == "sdpa"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert pick_dtype(torch.device("cuda")) == "bfloat16"
    assert pick_dtype(torch.device("cuda"), trained_in="float32") == "float32"


def test_bfloat16_computes_and_stays_near_float32() -> None:
    coarse, fine = tiny(forward_dtype="bfloat16"), tiny()
    a, b = (next(reason(m, puzzle(), segments=1)) for m in (coarse, fine))
    assert a.state is not None
    assert b.state is not None
    assert 0 < np.abs(a.state - b.state).max() < 0.1


def test_a_small_model_thinks_with_one_thread_and_a_large_one_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrm_model.device._ALL_THREADS", 3)  # else both are one in a test
    before = torch.get_num_threads()
    try:
        use_threads(tiny())
        assert torch.get_num_threads() == 1
        with torch.device("meta"):
            large = HRM(ModelConfig())
        use_threads(large)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
