"""Sources to build datasets from."""

from __future__ import annotations

import numpy as np

from hrm_model.tasks.registry import task_named
from trainer.data.build import GridSource


def source(count: int = 40, copies: int = 300) -> GridSource:
    task = task_named("sudoku-4x4")
    return GridSource(task, *task.generate(count, np.random.default_rng(0), clues=6), copies, seed=2)
