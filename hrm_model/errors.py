"""What is said of a checkpoint that cannot be used."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; says which file, what is wrong with it, and what would do."""
