"""What can be changed in the middle of a run. Changes are data: each has a kind and plain parameters, and can be written as JSON.

A kick, a patch and an edit happen once; the others stay in force for the rest of the run.

Shapes: T positions (puzzle slots, then S cells), D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from hrm_model.errors import UsageError
from hrm_model.trace.data import Array, Trace

Module = Literal["H", "L", "both"]
Path = Literal["x-L", "H-L", "L-H"]

_PATHS = {"x-L": "the puzzle into L", "H-L": "z_H into L", "L-H": "z_L into H"}


@dataclass(frozen=True)
class Change:
    """Base of all changes. `stays`: whether it holds for the rest of the run."""

    kind: ClassVar[str]
    stays: ClassVar[bool] = True

    def about(self) -> dict[str, Any]:
        """As JSON, without arrays."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.metadata.get("json", True)}
        return {"kind": self.kind} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def arrays(self) -> dict[str, Array]:
        """What does not fit into JSON."""
        return {}

    def words(self) -> str:
        """One line for people."""
        raise NotImplementedError


@dataclass(frozen=True)
class Kick(Change):
    """Gaussian noise on states: sigma times the root mean square of each position's vector."""

    kind = "kick"
    stays = False
    sigma: float = 1.0
    module: Module = "both"
    cells: tuple[int, ...] | None = None  # None: all positions, the puzzle slots too
    seed: int = 0

    def __post_init__(self) -> None:
        _check_module(self.module)
        if not (np.isfinite(self.sigma) and self.sigma >= 0):
            raise UsageError(f"sigma is {self.sigma}; it must be a finite number of 0 or more")
        _check_seed(self.seed)

    def words(self) -> str:
        return f"kick of {self.sigma:g} on {_states(self.module)}{_of_cells(self.cells)}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Patch(Change):
    """States of another step, branch or puzzle in place of these. `patch_from` makes one from a trace."""

    kind = "patch"
    stays = False
    module: Module = "both"
    cells: tuple[int, ...] | None = None  # None: all positions
    source: str = ""  # where the states come from, in words
    z_H: Array | None = field(default=None, repr=False, metadata={"json": False})  # (T, D); None if module is 'L'
    z_L: Array | None = field(default=None, repr=False, metadata={"json": False})

    def __post_init__(self) -> None:
        _check_module(self.module)

    def arrays(self) -> dict[str, Array]:
        return {name: z for name, z in (("z_H", self.z_H), ("z_L", self.z_L)) if z is not None}

    def words(self) -> str:
        return f"{_states(self.module)}{_of_cells(self.cells)} from {self.source or 'elsewhere'}"


@dataclass(frozen=True)
class Freeze(Change):
    """A module is not called any more; its state stays as it is."""

    kind = "freeze"
    module: Literal["H", "L"] = "H"

    def __post_init__(self) -> None:
        if self.module not in ("H", "L"):
            raise UsageError(f"Unknown module {self.module!r} to freeze. Choose H or L; with both frozen nothing would move.")

    def words(self) -> str:
        return f"{self.module} frozen"


@dataclass(frozen=True)
class Cut(Change):
    """Zeros in place of what is injected: the puzzle into L (x-L), z_H into L (H-L) or z_L into H (L-H)."""

    kind = "cut"
    path: Path = "x-L"

    def __post_init__(self) -> None:
        if self.path not in _PATHS:
            raise UsageError(f"Unknown injection {self.path!r}. Choose one of: {', '.join(_PATHS)}.")

    def words(self) -> str:
        return f"{_PATHS[self.path]} cut"


@dataclass(frozen=True)
class Drop(Change):
    """Zeros in place of the puzzle's own vector."""

    kind = "drop"

    def words(self) -> str:
        return "the puzzle's vector dropped"


@dataclass(frozen=True)
class Ablate(Change):
    """A layer of a module passes on what it gets; or one attention head of it says nothing; or one kind of message is not sent.

    `part` ('' for the whole layer): a head's number counted from 0; of a model without attention a kind of message: 'lines', 'boxes' or
    'digits' of a symmetric model, 'above', 'left', 'right' or 'below' of a maze model.
    """

    kind = "ablate"
    module: Literal["H", "L"] = "H"
    layer: int = 0  # counted from 0
    part: str = ""

    def __post_init__(self) -> None:
        if self.module not in ("H", "L"):
            raise UsageError(f"Unknown module {self.module!r}. Choose H or L.")

    def words(self) -> str:
        name = f"head {self.part}" if self.part.isdigit() else self.part
        return f"without {name + ' of ' if name else ''}layer {self.layer} of {self.module}"


@dataclass(frozen=True)
class Edit(Change):
    """Other tokens in some cells of the puzzle, by cell."""

    kind = "edit"
    stays = False  # the branch's puzzle is the edited one
    tokens: Mapping[int, int] = field(default_factory=dict)

    def about(self) -> dict[str, Any]:
        return {"kind": self.kind, "tokens": {str(c): int(t) for c, t in sorted(self.tokens.items())}}

    def words(self) -> str:
        return f"puzzle edited in {len(self.tokens)} cell{'s' if len(self.tokens) > 1 else ''}"


@dataclass(frozen=True)
class Hold(Change):
    """The states of some cells stay as they are, and so do their answers."""

    kind = "hold"
    cells: tuple[int, ...] = ()

    def words(self) -> str:
        return f"{len(self.cells)} cell{'s' if len(self.cells) > 1 else ''} held"


@dataclass(frozen=True)
class Depth(Change):
    """Other numbers of H-cycles and L-steps, from the next segment on."""

    kind = "depth"
    H_cycles: int = 2
    L_cycles: int = 2

    def __post_init__(self) -> None:
        for name in ("H_cycles", "L_cycles"):
            if not 1 <= getattr(self, name) <= 1024:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be 1 to 1024")

    def words(self) -> str:
        return f"{self.H_cycles} H-cycles of {self.L_cycles} L-steps"


@dataclass(frozen=True)
class Weights(Change):
    """Another model of the same sizes thinks on, such as another checkpoint of the same run."""

    kind = "weights"
    model: str = ""  # a bundled model's name, or a path

    def words(self) -> str:
        return f"weights of {self.model}"


def patch_from(trace: Trace, step: int, module: Module = "both", cells: Sequence[int] | None = None, source: str = "") -> Patch:
    """The states that held after a step of a trace (−1: the initial ones). TraceError if they were not kept."""
    z = {level: state_at(trace, step, level) for level in "HL" if module in (level, "both")}
    return Patch(module, None if cells is None else tuple(cells), source or f"step {step}", z.get("H"), z.get("L"))


def state_at(trace: Trace, step: int, level: str) -> Array:
    """z_H or z_L after a step, (T, D); −1: the initial one."""
    if step >= 0:
        return trace.state_after(step, level)
    trace.state_after(0, level)  # raises if there are none
    states = trace.z_H if level == "H" else trace.z_L
    assert states is not None
    return states[0]


def _check_module(module: str) -> None:
    if module not in get_args(Module):
        raise UsageError(f"Unknown module {module!r}. Choose one of: H, L, both.")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed is {seed}; it must be 0 or more")


def _states(module: str) -> str:
    return "z_H and z_L" if module == "both" else f"z_{module}"


def _of_cells(cells: Sequence[int] | None) -> str:
    return "" if cells is None else f" of {len(cells)} cell{'' if len(cells) == 1 else 's'}"
