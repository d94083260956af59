from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hrm_model.analysis.attention import call_at
from hrm_model.layers import Attention
from hrm_model.recompute import attention, call_input
from hrm_model.recording import record
from hrm_model.tasks.sudoku.grid import to_tokens
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.trace.data import PuzzleInfo, Trace
from tests.support.models import tiny


@pytest.fixture(scope="module")
def trace() -> Trace:
    return record(tiny(), PuzzleInfo("sudoku-4x4", to_tokens(parse("2.......42.11.4."))), segments=2)


def test_weights_are_those_with_which_the_layer_mixes_values(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded call is run again as it is; what its first attention layer returns must follow from the weights."""
    model = tiny()
    for step in (0, 4, 5, len(trace) - 1):
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        forward = Attention.forward

        def spy(self: Attention, x: torch.Tensor, rotary: object, forward=forward, seen=seen) -> torch.Tensor:  # noqa: ANN001
            out = forward(self, x, rotary)
            seen.append((self.queries_keys_values(x, rotary)[2], out))
            return out

        with monkeypatch.context() as patch, torch.inference_mode():
            patch.setattr(Attention, "forward", spy)
            module = model.H_level if trace.level[step] else model.L_level
            rotary = None if model.rotary_cos is None else (model.rotary_cos, model.rotary_sin)
            after = module(*call_input(model, trace, step), rotary)
        recorded = trace.state_after(step, "H" if trace.level[step] else "L")
        np.testing.assert_allclose(after[0].numpy(), recorded, atol=1e-5)
        for layer, (values, out) in enumerate(seen):
            weights = attention(model, trace, step, layer)
            np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
            mixed = np.einsum("ats,sak->tak", weights, values[0].numpy()).reshape(weights.shape[1], -1)
            again = module.layers[layer].self_attn.o_proj(torch.as_tensor(mixed))
            np.testing.assert_allclose(again.detach().numpy(), out[0].numpy(), atol=1e-5)


def test_what_cannot_be_looked_into_is_refused(trace: Trace) -> None:
    model = tiny()
    with pytest.raises(ValueError, match="without states"):
        attention(model, replace(trace, z_H=None, z_L=None), 0, 0)
    with pytest.raises(ValueError, match="no layer 9"):
        attention(model, trace, 0, 8)
    other = tiny()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter))
    with pytest.raises(ValueError, match="another model"):
        attention(other, trace, 3, 0)


def test_the_call_of_a_module_at_a_step(trace: Trace) -> None:
    last_of = [(0, "L", 0), (0, "H", int(np.flatnonzero(trace.level)[0])), (len(trace) - 1, "H", len(trace) - 1)]
    assert [call_at(trace, step, level) for step, level, _ in last_of] == [wanted for _, _, wanted in last_of]
