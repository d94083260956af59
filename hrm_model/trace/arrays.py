"""The arrays of a recorded run, with their shapes checked, and what goes with them. NumPy only.

N steps, S cells, T positions (puzzle slots, then S cells), D width, V vocabulary. `Trace` (data.py) explains every array.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import TraceError

if TYPE_CHECKING:
    from hrm_model.tasks.base import Grid, Task

Array = NDArray[Any]

LEVEL_L, LEVEL_H = 0, 1
LEVEL_NAMES = ("L", "H")


@dataclass(frozen=True)
class PuzzleInfo:
    """A puzzle in a model's tokens. `parse_puzzle` makes one from text.

    >>> import hrm_model
    >>> puzzle = hrm_model.parse_puzzle("S #  ## G")
    >>> puzzle.task, puzzle.given.shape, puzzle.solution
    ('maze-3x3', (9,), array([3, 2, 1, 5, 5, 1, 1, 5, 4]))
    """

    task: str  # 'sudoku-9x9', 'maze-30x30', 'arc', …
    given: Array  # (S,)
    solution: Array | None = None  # (S,), if it is known
    text: str = ""  # as a person would write it
    identifier: int = 0  # the number of its vector in the model's puzzle table; 0 is the blank one

    @classmethod
    def of(cls, task: Task, grid: Grid, solution: Grid | None = None, identifier: int = 0) -> PuzzleInfo:
        """A puzzle and its known solution, both as grids of their task."""
        answer = None if solution is None else task.to_tokens(solution)
        return cls(task.name, task.to_tokens(grid), answer, task.format_line(grid), identifier)


@dataclass(frozen=True)
class ModelInfo:
    """Facts about the model of a trace. `config` holds ModelConfig's fields, and `q_continue`: whether it learned the continue value."""

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""  # of the checkpoint file; '' if there is none


@dataclass(frozen=True)
class Step:
    """One module call. Arrays are copies; nothing here is tied to the model.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> step = next(hrm_model.reason(model, "2.......42.11.4."))
    >>> step
    Step(segment=0, h_cycle=0, l_step=0, level='L', q_halt=None, q_continue=None)
    >>> step.state.shape, step.prediction.shape, step.probability.shape
    ((17, 64), (16,), (16, 6))
    """

    segment: int  # all three counted from 0
    h_cycle: int
    l_step: int  # -1 for an H step
    level: str  # 'L' or 'H': the module that moved
    state: Array | None = field(repr=False)  # (T, D) what that module's state became; None if states are not kept
    prediction: Array | None = field(repr=False)  # (S,); None at an L step without a preview
    probability: Array | None = field(repr=False)  # (S, V)
    q_halt: float | None = None  # at a segment's end
    q_continue: float | None = None  # the same
    initial: tuple[Array, Array] | None = field(default=None, repr=False)  # z_H, z_L before the first step, on the first step only


@dataclass(frozen=True, repr=False)
class TraceArrays:
    """Step after step of one run. TraceError if the shapes do not fit together."""

    puzzle: PuzzleInfo
    model: ModelInfo
    segment: Array
    h_cycle: Array
    l_step: Array
    level: Array
    h_row: Array
    l_row: Array
    prediction: Array
    probability: Array
    q_halt: Array
    q_continue: Array
    z_H: Array | None = None
    z_L: Array | None = None

    def __post_init__(self) -> None:
        n, cells = len(self.segment), len(self.puzzle.given)
        for name in ("h_cycle", "l_step", "level", "h_row", "l_row"):
            _check(name, getattr(self, name), (n,))
        _check("prediction", self.prediction, (n, cells))
        _check("probability", self.probability, (n, cells, None))
        _check("q_continue", self.q_continue, (len(self.q_halt),))
        if self.puzzle.solution is not None:
            _check("solution", self.puzzle.solution, (cells,))
        for name, rows in (("z_H", self.h_row), ("z_L", self.l_row)):
            states = getattr(self, name)
            if states is not None:
                _check(name, states, (int(rows[-1]) + 1 if n else 1, None, None))

    def __len__(self) -> int:
        """N, the number of steps."""
        return len(self.segment)

    @property
    def segments(self) -> int:
        """Segments begun."""
        return int(self.segment[-1]) + 1 if len(self) else 0

    @property
    def side(self) -> int:
        """Side of the (square) board."""
        return round(len(self.puzzle.given) ** 0.5)

    @property
    def has_states(self) -> bool:
        """Whether states were kept."""
        return self.z_H is not None and self.z_L is not None

    @property
    def pooled(self) -> bool:
        """Whether states are means over all positions; single cells have none then."""
        return self.z_H is not None and self.z_H.shape[1] == 1 < len(self.puzzle.given)

    def state_after(self, step: int, level: str) -> Array:
        """z_H or z_L ('H' or 'L') as it holds after `step`, (T, D). TraceError if states were not kept."""
        states, rows = (self.z_H, self.h_row) if level == "H" else (self.z_L, self.l_row)
        if states is None:
            raise TraceError("this trace was recorded without states")
        return states[rows[step]]

    def segment_end(self, segment: int) -> int:
        """Index of the segment's last step."""
        return int(np.searchsorted(self.segment, segment, side="right")) - 1

    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (getattr(self, name) for name in self.__dataclass_fields__)
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))


def _check(name: str, array: Array, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = " × ".join("any" if s is None else str(s) for s in shape)
        raise TraceError(f"{name} has shape {array.shape}; a trace needs {wanted}")
