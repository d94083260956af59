"""A recorded run. Neither torch nor Qt is needed to make, read or show one."""

from __future__ import annotations

from typing import Any

from hrm_model.errors import UsageError
from hrm_model.tasks.base import short_name
from hrm_model.trace.arrays import LEVEL_H, LEVEL_L, LEVEL_NAMES, Array, ModelInfo, PuzzleInfo, Step, TraceArrays
from hrm_model.trace.curves import solved
from hrm_model.trace.html import trace_html
from hrm_model.trace.table import step_table

__all__ = ["LEVEL_H", "LEVEL_L", "LEVEL_NAMES", "Array", "ModelInfo", "PuzzleInfo", "Step", "Trace"]


class Trace(TraceArrays):
    """Step after step of one run of a model on one puzzle. All arrays are NumPy arrays; in a notebook a Trace shows itself.

    | array | shape | meaning |
    |---|---|---|
    | `segment, h_cycle, l_step, level` | (N,) | where each step stands; `l_step` is -1 for an H step, `level` is LEVEL_L (0) or LEVEL_H (1) |
    | `h_row, l_row` | (N,) | the row of `z_H` / `z_L` that holds after the step |
    | `z_H`, `z_L` | (N_H + 1, T, D), (N_L + 1, T, D) | states, row 0 the initial one; None if states were not kept |
    | `prediction` | (N, S) | the answer after the step, in tokens (the paper's preview at L steps, the real answer at H steps) |
    | `probability` | (N, S, V) | its distribution |
    | `q_halt`, `q_continue` | (segments,) | logits at each segment's end |

    N steps, T positions (puzzle slots, then S cells), D width, V vocabulary. `puzzle` and `model` say what it is a trace of.

    >>> import hrm_model
    >>> model = hrm_model.load("sudoku-4x4", device="cpu")
    >>> trace = hrm_model.record(model, "2.......42.11.4.", segments=2)
    >>> trace.z_H.shape, trace.z_L.shape, trace.prediction.shape
    ((5, 17, 64), (9, 17, 64), (12, 16))
    >>> trace.state_after(0, "L").shape
    (17, 64)
    """

    def __repr__(self) -> str:
        outcome = {True: "solved, ", False: "not solved, ", None: ""}[solved(self)]
        states = f"states of {self.z_H.shape[1]} positions × {self.z_H.shape[2]}" if self.z_H is not None else "no states"
        by = f" by {self.model.name!r}" if self.model.name else ""
        count = f"{self.segments} segment{'' if self.segments == 1 else 's'}, {len(self)} steps"
        return f"Trace of {short_name(self.puzzle.task)}{by}: {count}, {outcome}{states}"

    def _repr_html_(self) -> str:
        return trace_html(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row a step: its place, residual, confidence, accuracy, violations; Q values at a segment's end.

        Raises UsageError if pandas is not installed.

        >>> import hrm_model
        >>> model = hrm_model.load("sudoku-4x4", device="cpu")
        >>> trace = hrm_model.record(model, "2.......42.11.4.", segments=2)
        >>> trace.to_frame()["violations"].tolist()
        [14.0, 6.0, 6.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("Trace.to_frame() needs pandas: pip install pandas") from None
        return pandas.DataFrame(step_table(self)).set_index("step")
