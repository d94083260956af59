"""Run directories: what a training run writes, and reading it. `Run` is for notebooks; nothing here imports torch or Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrm_model.errors import RunError
    from trainer.runs.run import Run

__all__ = ["Run", "RunError"]


def __getattr__(name: str) -> Any:
    # Loaded when used, so that a part of this package can be imported without the rest.
    if name == "Run":
        from trainer.runs.run import Run

        return Run
    if name == "RunError":
        from hrm_model.errors import RunError

        return RunError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
