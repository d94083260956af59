"""A model of which something was changed: it thinks like any other, and the model itself stays as it is.

Shapes: B batch, T positions (puzzle slots, then S cells), D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hrm_model.errors import MismatchError, UsageError
from hrm_model.lab.changes import Ablate, Change, Cut, Depth, Drop, Freeze, Hold
from hrm_model.maze_model import MazeHRM, NeighbourMixer
from hrm_model.model import HRM, Call, Level, ReasoningModule, segment_calls
from hrm_model.symmetric import BOX, LINE, UnitMixer

_ADDS_NOTHING = 1e-30  # times a vector of roles; too small beside a state's numbers to change them, in float32 and bfloat16
_MESSAGES = {"units": ("lines", "boxes", "digits"), "neighbours": ("above", "left", "right", "below")}


class Touched:
    """A model with changes that stay in force: `Freeze`, `Cut`, `Ablate`, `Hold`, `Depth`. It ignores others.

    Hooks of ablated parts are set for the length of one call, so that others can use the model in between. UsageError, MismatchError if the
    model does not have what is to be ablated.
    """

    def __init__(self, model: HRM, changes: Sequence[Change] = ()) -> None:
        self.model = model
        self._frozen = {c.module for c in changes if isinstance(c, Freeze)}
        self._cut = {c.path for c in changes if isinstance(c, Cut)}
        self._ablated: dict[str, list[Ablate]] = {m: [c for c in changes if isinstance(c, Ablate) and c.module == m] for m in "HL"}
        for ablated in (*self._ablated["H"], *self._ablated["L"]):
            _check(model, ablated)
        self._held = sorted({cell for c in changes if isinstance(c, Hold) for cell in c.cells})
        depths = [c for c in changes if isinstance(c, Depth)]
        self._calls = segment_calls(depths[-1].H_cycles, depths[-1].L_cycles, model.config.gradient) if depths else model.calls()

    def calls(self) -> tuple[Call, ...]:
        return self._calls

    def call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor) -> Tensor:
        own = z_H if level == "H" else z_L
        if level in self._frozen:
            return own
        if level == "L":
            z_H = torch.zeros_like(z_H) if "H-L" in self._cut else z_H
            x = self._nothing(x) if "x-L" in self._cut else x
        elif "L-H" in self._cut:
            z_L = torch.zeros_like(z_L)
        with _without(self.model, level, self._ablated[level]):
            moved = self.model.call(level, z_H, z_L, x)
        if self._held:
            places = torch.tensor(self._held, device=moved.device) + (moved.shape[1] - cells_of(self.model, moved.shape[1]))
            moved = moved.index_copy(1, places, own[:, places].to(moved.dtype))
        return moved

    def _nothing(self, x: Tensor) -> Tensor:
        """What is injected in place of the puzzle. A maze model reads off x which cells exist, so there it is no zero, but adds nothing to a state."""
        return x * _ADDS_NOTHING if isinstance(self.model, MazeHRM) else torch.zeros_like(x)

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor:
        return self.model.logits(z_H, x)

    def q_logits(self, z_H: Tensor) -> Tensor:
        return self.model.q_logits(z_H)


def injected(model: HRM, tokens: Tensor, identifiers: Tensor, changes: Sequence[Change] = ()) -> Tensor:
    """x (B, T, D) of puzzles (B, S), without their own vectors if `Drop` is among the changes."""
    if not any(isinstance(c, Drop) for c in changes):
        return model.embed(tokens, identifiers)
    if model.puzzle_emb is None:
        raise MismatchError("This model has no puzzle vectors; there is nothing to drop.")
    return model.embed_with(tokens, torch.zeros(len(tokens), model.config.puzzle_emb_ndim, device=model.device))


def cells_of(model: HRM, positions: int) -> int:
    """S of states with so many positions."""
    return positions - model.config.puzzle_emb_len


def parts(model: HRM) -> list[Ablate]:
    """Everything smaller than a layer that can be ablated: heads, or kinds of messages; of a model whose positions meet in an MLP nothing."""
    config, found = model.config, []
    for module, blocks in (("H", model.H_level.layers), ("L", model.L_level.layers)):
        for layer in range(len(blocks)):
            names: Sequence[str] = _MESSAGES.get(config.mixer, ())
            names = [str(head) for head in range(config.num_heads)] if config.mixer == "attention" else names
            found += [Ablate(module, layer, name) for name in names]  # type: ignore[arg-type]
    return found


def _module(model: HRM, name: str) -> ReasoningModule:
    return model.H_level if name == "H" else model.L_level


def _check(model: HRM, what: Ablate) -> None:
    blocks, config = _module(model, what.module).layers, model.config
    if not 0 <= what.layer < len(blocks):
        raise UsageError(f"Module {what.module} has {len(blocks)} layers, counted from 0; there is no layer {what.layer}.")
    if not what.part:
        return
    if config.mixer == "attention":
        if not what.part.isdigit() or int(what.part) >= config.num_heads:
            raise UsageError(
                f"Layer {what.layer} of {what.module} has {config.num_heads} heads, counted from 0; there is no head {what.part!r}."
            )
    elif config.mixer == "mlp":
        raise MismatchError("This model mixes its positions with an MLP; it has no heads. Ablate a whole layer instead.")
    elif what.part not in _MESSAGES[config.mixer]:
        raise UsageError(f"This model has no {what.part!r}. Choose one of: {', '.join(_MESSAGES[config.mixer])}.")


@contextmanager
def _without(model: HRM, level: Level, ablated: Sequence[Ablate]) -> Iterator[None]:
    with ExitStack() as stack:
        for what in ablated:
            block = _module(model, level).layers[what.layer]
            handle = _silence(block, what.part) if what.part else block.register_forward_hook(lambda _, given, __: given[0])
            stack.callback(handle.remove)
        yield


def _silence(block: Any, part: str) -> Any:
    """Set a hook that removes what one part adds to a block."""
    if part.isdigit():
        attention = block.self_attn
        at = slice(int(part) * attention.head_dim, (int(part) + 1) * attention.head_dim)

        def mute(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            heads = given[0].clone()
            heads[..., at] = 0
            return (heads,)

        return attention.o_proj.register_forward_pre_hook(mute)
    mixer = block.mixer
    if isinstance(mixer, NeighbourMixer):
        direction = 1 + _MESSAGES["neighbours"].index(part)

        def deafen(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            h, around = given
            around = around.clone()
            around[:, direction] = len(h)  # as if the edge were there
            return h, around

        return mixer.register_forward_pre_hook(deafen)
    assert isinstance(mixer, UnitMixer)
    first, second = {
        "lines": (lambda: mixer.units[LINE], lambda: mixer.unit_outs[LINE]),
        "boxes": (lambda: mixer.units[BOX], lambda: mixer.unit_outs[BOX]),
        "digits": (lambda: mixer.digits, lambda: mixer.digits_out),
    }[part]
    sender = second() if hasattr(mixer, "unit_outs") else first()
    return sender.register_forward_hook(lambda _, __, said: torch.zeros_like(said))
