"""A recorded reasoning run as plain arrays. Neither torch nor Qt is needed to make, read or show one.

| array | shape | meaning |
|---|---|---|
| `segment, h_cycle, l_step, level` | (N,) | where each step stands; `l_step` is −1 for an H step, `level` is LEVEL_L or LEVEL_H |
| `h_row, l_row` | (N,) | the row of `z_H` / `z_L` that holds after the step |
| `z_H`, `z_L` | (N_H + 1, T, D), (N_L + 1, T, D) | states, row 0 the initial one; None where states were not kept |
| `prediction` | (N, S) | the answer after the step, in tokens (the paper's preview at L steps, the real answer at H steps) |
| `probability` | (N, S, V) | its distribution |
| `q_halt`, `q_continue` | (segments,) | logits at each segment's end |

N steps, T positions (puzzle slots, then S cells), D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEVEL_L, LEVEL_H = 0, 1
LEVEL_NAMES = ("L", "H")


@dataclass(frozen=True)
class PuzzleInfo:
    """The puzzle that was reasoned about, in tokens."""

    task: str  # 'sudoku-9x9', 'maze-30x30', 'arc', …
    given: Array  # (S,)
    solution: Array | None = None  # (S,), where it is known
    text: str = ""  # as a person would write it
    identifier: int = 0  # the number of its vector in the model's puzzle table; 0 is the blank one


@dataclass(frozen=True)
class ModelInfo:
    """The model that reasoned. `config` holds ModelConfig's fields, and `q_continue`: whether it learned the continue value."""

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""  # of the checkpoint file; '' where it never was one


@dataclass(frozen=True)
class Step:
    """One module call. Arrays are copies; nothing here is tied to the model."""

    segment: int
    h_cycle: int
    l_step: int  # -1 for an H step
    level: str  # 'L' or 'H': the module that moved
    state: Array | None  # (T, D) what that module's state became; None where states are not kept
    prediction: Array | None  # (S,); None at an L step without a preview
    probability: Array | None  # (S, V)
    q_halt: float | None = None  # at a segment's end
    q_continue: float | None = None
    initial: tuple[Array, Array] | None = None  # z_H, z_L before the first step, on the first step only


@dataclass(frozen=True)
class Trace:
    """Step after step of one run; the table on top of this file tells every array. Shapes are checked when it is built."""

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
        return self.z_H is not None and self.z_L is not None

    @property
    def pooled(self) -> bool:
        """Whether states were averaged over positions: there is one for the whole board, and none of single cells."""
        return self.z_H is not None and self.z_H.shape[1] == 1 < len(self.puzzle.given)

    def state_after(self, step: int, level: str) -> Array:
        """z_H or z_L ('H' or 'L') as it holds after `step`, (T, D). ValueError where states were not kept."""
        states, rows = (self.z_H, self.h_row) if level == "H" else (self.z_L, self.l_row)
        if states is None:
            raise ValueError("this trace was recorded without states")
        return states[rows[step]]

    def segment_end(self, segment: int) -> int:
        """Index of the segment's last step."""
        return int(np.searchsorted(self.segment, segment, side="right")) - 1

    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (getattr(self, name) for name in self.__dataclass_fields__)
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))

    def with_solution(self, solution: Array) -> Trace:
        """The same trace with the right answer (tokens, (S,)) known."""
        return replace(self, puzzle=replace(self.puzzle, solution=np.asarray(solution)))


def _check(name: str, array: Array, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = " × ".join("any" if s is None else str(s) for s in shape)
        raise ValueError(f"{name} has shape {array.shape}; a trace needs {wanted}")


class TraceRecorder:
    """Collects Steps into growing arrays. `trace()` is cheap at any moment: its arrays are views of what is there so far.

    At an L step without a preview the last prediction is repeated. States are kept as `state_dtype`, or not at all with None.
    """

    def __init__(self, puzzle: PuzzleInfo, model: ModelInfo, *, state_dtype: str | None = "float32", capacity: int = 96) -> None:
        self.puzzle, self.model = puzzle, model
        self.state_dtype = state_dtype
        self._capacity = max(1, capacity)
        self._count = 0
        self._q: list[tuple[float, float]] = []
        self._arrays: dict[str, Array] = {}
        self._rows = {"H": 0, "L": 0}

    def add(self, step: Step) -> None:
        """Append one step. Its probability gives the vocabulary, its state T and D; the first step must bring `initial` for states."""
        first = self._count == 0
        if first:
            self._allocate(step)
        elif self._count == self._capacity:
            self._grow()
        i, a = self._count, self._arrays
        if step.state is not None and self.state_dtype is not None:
            self._rows[step.level] += 1
            a[f"z_{step.level}"][self._rows[step.level]] = step.state
        a["segment"][i], a["h_cycle"][i], a["l_step"][i] = step.segment, step.h_cycle, step.l_step
        a["level"][i] = LEVEL_NAMES.index(step.level)
        a["h_row"][i], a["l_row"][i] = self._rows["H"], self._rows["L"]
        if step.prediction is not None and step.probability is not None:
            a["prediction"][i], a["probability"][i] = step.prediction, step.probability
        elif first:
            a["prediction"][i] = self.puzzle.given
            a["probability"][i] = 1 / a["probability"].shape[-1]
        else:
            a["prediction"][i], a["probability"][i] = a["prediction"][i - 1], a["probability"][i - 1]
        if step.q_halt is not None and step.q_continue is not None:
            self._q.append((step.q_halt, step.q_continue))
        self._count += 1

    def trace(self) -> Trace:
        """What was recorded so far. ValueError before the first step."""
        if not self._count:
            raise ValueError("nothing was recorded yet")
        n, a = self._count, self._arrays
        q = np.array(self._q, dtype=np.float32).reshape(-1, 2)
        states: dict[str, Any] = {f"z_{k}": a[f"z_{k}"][: self._rows[k] + 1] if f"z_{k}" in a else None for k in "HL"}
        flat = {name: array[:n] for name, array in a.items() if not name.startswith("z_")}
        return Trace(self.puzzle, self.model, q_halt=q[:, 0], q_continue=q[:, 1], **flat, **states)

    def __len__(self) -> int:
        return self._count

    def _allocate(self, step: Step) -> None:
        n, cells = self._capacity, len(self.puzzle.given)
        vocabulary = self.model.config.get("vocab_size") or (step.probability.shape[-1] if step.probability is not None else 0)
        if not vocabulary:
            raise ValueError("the first step brings no probabilities and the model's vocab_size is not known")
        self._arrays = {name: np.zeros(n, np.int32) for name in ("segment", "h_cycle", "l_step", "h_row", "l_row")}
        self._arrays["level"] = np.zeros(n, np.int8)
        self._arrays["prediction"] = np.zeros((n, cells), np.int16)
        self._arrays["probability"] = np.zeros((n, cells, vocabulary), np.float32)
        if self.state_dtype is not None and step.state is not None:
            if step.initial is None:
                raise ValueError("the first step must bring the initial states")
            for key, start in zip("HL", step.initial, strict=True):
                # Sized for the worst case of one level; the operating system gives no memory before it is written.
                self._arrays[f"z_{key}"] = np.zeros((n + 1, *start.shape), self.state_dtype)
                self._arrays[f"z_{key}"][0] = start

    def _grow(self) -> None:
        # New arrays, so that traces handed out before keep theirs.
        self._capacity *= 2
        for name, old in self._arrays.items():
            rows = self._capacity + name.startswith("z_")
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            self._arrays[name] = new
