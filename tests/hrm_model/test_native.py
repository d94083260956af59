"""Segments in C++: equal to torch's, and torch's where C++ cannot be compiled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hrm_model.config import ModelConfig
from hrm_model.make import make_model
from hrm_model.native import build
from hrm_model.native import units as native
from hrm_model.symmetric import SymmetricHRM

CPU = torch.device("cpu")
needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="needs a C++ compiler")


def symmetric(width: int, **changes: object) -> ModelConfig:
    options = {"unit_mlp": True, "H_layers": 1, "L_layers": 1, "H_cycles": 2, "L_cycles": 2, "gradient": "all"} | changes
    return ModelConfig(mixer="units", hidden_size=width, num_heads=1, swiglu_multiple=16, pos_encodings="none", **options)


def states_and_gradients(model: SymmetricHRM, cells: int, *, in_native_code: bool) -> list[Tensor]:
    """Of two segments, whose second begins with the states of the first, for a loss that depends on every output."""
    generator = torch.Generator().manual_seed(1)
    digits = round(cells**0.5)
    inputs = torch.randint(1, digits + 2, (5, cells), generator=generator)
    z_H, z_L = (z + torch.randn(z.shape, generator=generator) for z in model.initial_state(5, cells))
    z_H.requires_grad_(), z_L.requires_grad_()
    model.zero_grad()
    model.in_native_code = in_native_code
    first = model(inputs, torch.zeros(5, dtype=torch.long), z_H, z_L)
    new_H, new_L, logits, q, _ = model(inputs, torch.zeros(5, dtype=torch.long), first[0], first[1])
    (logits[..., 2:].square().mean() + q.sum() + 1e-3 * new_L.square().sum()).backward()
    gradients = [z_H.grad, z_L.grad, *(p.grad for p in model.parameters())]
    return [new_H.detach(), new_L.detach(), logits.detach(), q.detach(), *(g for g in gradients if g is not None)]


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize(
    ("config", "cells"), [(symmetric(16), 81), (symmetric(16, unit_mlp=False, H_layers=2, L_cycles=3), 36), (symmetric(48, L_layers=2), 16)]
)
def test_states_and_gradients_are_those_of_torch(config: ModelConfig, cells: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.usable(config, CPU)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    model = make_model(config)
    assert isinstance(model, SymmetricHRM)
    torch.nn.init.normal_(model.answer), torch.nn.init.normal_(model.q_head.weight)
    expected, found = (states_and_gradients(model, cells, in_native_code=there) for there in (False, True))
    assert len(found) == len(expected) == 6 + len(list(model.parameters()))
    for a, b in zip(found, expected, strict=True):
        assert (a - b).abs().max() <= 2e-5 * b.abs().max()
    # The same again, bit for bit.
    assert all(map(torch.equal, found, states_and_gradients(model, cells, in_native_code=True)))


@needs_compiler
def test_a_depth_that_carries_no_full_gradient_is_left_to_torch() -> None:
    torch.manual_seed(0)
    model = make_model(symmetric(16, gradient="step"))
    assert isinstance(model, SymmetricHRM)
    expected, found = (states_and_gradients(model, 16, in_native_code=there) for there in (False, True))
    assert all(map(torch.equal, found, expected))


def test_what_cannot_be_computed_in_c_is_left_to_torch() -> None:
    assert not native.usable(symmetric(24), CPU)  # no multiple of 16
    assert not native.usable(symmetric(16).model_copy(update={"forward_dtype": "bfloat16"}), CPU)
    assert not native.usable(ModelConfig(), CPU)


@pytest.mark.parametrize("fault", ["no compiler", "a compiler that fails", "switched off", "no room"])
def test_where_nothing_can_be_compiled_torch_does_the_work(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build.library.cache_clear()
    try:
        if fault == "no compiler":
            monkeypatch.setenv("PATH", str(tmp_path))
            monkeypatch.delenv("CXX", raising=False)
        elif fault == "a compiler that fails":
            broken = tmp_path / "broken"
            broken.write_text("#!/bin/sh\n[ $1 = --version ] && exit 0\necho no such option >&2\nexit 1\n")
            broken.chmod(0o755)
            monkeypatch.setenv("CXX", str(broken))
        elif fault == "switched off":
            monkeypatch.setenv(build.SWITCH, "0")
        else:
            (tmp_path / "file").touch()
            monkeypatch.setenv("HRM_STUDIO_HOME", str(tmp_path / "file"))
        with caplog.at_level("INFO"):
            assert not native.usable(symmetric(16), CPU)
        assert ("torch does the work" in caplog.text) == (fault != "switched off")
    finally:
        build.library.cache_clear()


@needs_compiler
def test_a_library_is_compiled_once_and_again_for_changed_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HRM_STUDIO_HOME", str(tmp_path))
    build.library.cache_clear()
    assert build.library("unit_segment.cpp", 16) is not None
    (made,) = (tmp_path / "cache" / "native").glob("*.so")
    before = os.stat(made).st_mtime_ns
    build.library.cache_clear()
    assert build.library("unit_segment.cpp", 16) is not None
    assert [*(tmp_path / "cache" / "native").iterdir()] == [made]
    assert os.stat(made).st_mtime_ns == before
    build.library.cache_clear()
