"""The Lab: change something in the middle of a run, think on, and see what follows. Each experiment is data, and runs again with the same numbers.

The functions here have the names of the command line: `kick`, `patch`, `swap`, `freeze`, `cut`, `drop`, `ablate`, `edit`, `depth`, `weights`, `think_on`,
`tries`, `landscape`, `basin`, `stability`, `cause`. The modules behind them take a recorded trace instead of a puzzle:

| module | question |
|---|---|
| `changes` | what can be changed |
| `branch` | what follows from a change: a branch that shares its parent's past |
| `thinking_on`, `halting` | what comes of thinking on, and what each halting rule would have cost and missed |
| `many_tries`, `choose` | what many tries bring, and which choice among them |
| `causes` | which cell, head or clue an answer depends on |
| `landscapes`, `basins`, `planes`, `jacobian` | where states lead |
| `sets` | any of this over a set of puzzles |
| `course`, `outcome`, `story` | what a run comes to: by segment, at its end, in words |
| `experiment`, `parameters`, `run` | experiments as data, in a trace file, and running them again |
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "ablate", "basin", "cause", "cut", "depth", "drop", "edit", "freeze", "kick", "landscape", "patch", "stability", "swap", "think_on", "tries",
    "weights",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # No function may have a module's name: importing the module would hide it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module("hrm_model.lab.api"), name)  # torch is loaded when it is first needed
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
