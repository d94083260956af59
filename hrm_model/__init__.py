"""Load a Hierarchical Reasoning Model, let it reason, and look at every step. Importing this takes milliseconds: names are loaded when used.

>>> import hrm_model
>>> model = hrm_model.load("sudoku-4x4", device="cpu")
>>> trace = hrm_model.record(model, "2.......42.11.4.")
>>> print(hrm_model.solve(model, "2.......42.11.4."))
2 4 | 1 3
3 1 | 2 4
----+----
4 2 | 3 1
1 3 | 4 2
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrm_model.api import Answer, evaluate, parse_puzzle, read_trace, reason, record, solve, write_trace
    from hrm_model.assets import bundled_models
    from hrm_model.errors import HRMError
    from hrm_model.evaluation import Evaluation
    from hrm_model.loaded import LoadedModel, load
    from hrm_model.trace.data import PuzzleInfo, Step, Trace

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Evaluation",
    "HRMError",
    "LoadedModel",
    "PuzzleInfo",
    "Step",
    "Trace",
    "__version__",
    "bundled_models",
    "evaluate",
    "load",
    "parse_puzzle",
    "read_trace",
    "reason",
    "record",
    "solve",
    "write_trace",
]

# No public name may be a module's name too: importing the module would hide it.
_HOMES = {
    "hrm_model.api": ("Answer", "evaluate", "parse_puzzle", "read_trace", "reason", "record", "solve", "write_trace"),
    "hrm_model.assets": ("bundled_models",),
    "hrm_model.errors": ("HRMError",),
    "hrm_model.evaluation": ("Evaluation",),
    "hrm_model.loaded": ("LoadedModel", "load"),
    "hrm_model.trace.data": ("PuzzleInfo", "Step", "Trace"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)  # what a notebook completes
