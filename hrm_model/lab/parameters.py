"""Usual parameters of each experiment. `hrm_model/lab/run.py` says what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hrm_model.errors import UsageError

USUAL: dict[str, dict[str, Any]] = {
    "kick": {"at": 4, "sigma": 0.5, "module": "both", "cells": None, "times": 1},
    "patch": {"at": 8, "source": 4, "module": "both", "cells": None},
    "swap": {"at": 8, "other": ""},
    "freeze": {"at": 4, "module": "H"},
    "cut": {"at": 4, "path": "x-L"},
    "drop": {"at": 0},
    "ablate": {"at": 0, "module": "H", "layer": 0, "part": ""},
    "edit": {"at": 4, "clues": {}, "hold": []},
    "depth": {"at": 0, "H_cycles": 2, "L_cycles": 2},
    "weights": {"at": 4, "other": ""},
    "think-on": {"start": 16, "until": "", "rules": []},
    "tries": {"starts": 8, "sigma": 1.0, "noise": 0.0, "relabel": 0, "models": []},
    "landscape": {"at": 16, "side": 41, "zoom": 1.0, "components": [1, 2]},
    "basin": {"at": 16, "side": 41, "zoom": 1.0, "components": [1, 2], "think": 16},
    "stability": {"count": 2, "iterations": 12, "every": 1},
    "patching": {"at": 0, "sigma": 1.0, "module": "both", "think": 8},
    "heads": {"at": 0},
    "clues": {},
}


def complete(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The usual parameters of a kind with some of them replaced. UsageError for a name or a type that does not belong there."""
    if kind not in USUAL:
        raise UsageError(f"Unknown experiment {kind!r}. Choose one of: {', '.join(USUAL)}.")
    usual = USUAL[kind]
    for name, value in given.items():
        if name not in usual:
            raise UsageError(f"The experiment {kind} has no parameter {name!r}. It has: {', '.join(usual) or 'none'}.")
        wanted = usual[name]
        fits = isinstance(value, int | float) if isinstance(wanted, float) else wanted is None or isinstance(value, type(wanted))
        if not fits or isinstance(value, bool):
            raise UsageError(
                f"{name} is {value!r}; {kind} needs {'a number' if isinstance(wanted, int | float) else type(wanted).__name__}."
            )
    return usual | {k: float(v) if isinstance(usual[k], float) else v for k, v in given.items()}
