"""Titles and descriptions of presets. Data, model and length are read from the configuration."""

from __future__ import annotations

from hrm_model.config import parameter_count
from hrm_studio.units import count
from trainer.config import RunConfig
from trainer.data.published import dataset_exists

_NO_BREAK = "\N{NON-BREAKING HYPHEN}"  # keeps H-cycles in one piece where a line ends
# name: title, what the model learns
_TITLES = {
    "sudoku-4x4": (
        "Sudoku 4×4",
        "The quickest way to watch learning: a tiny model learns every small Sudoku in minutes, on a laptop without a GPU.",
    ),
    "sudoku-6x6": ("Sudoku 6×6", "A step up: boxes of two by three, and puzzles with as few as nine clues."),
    "sudoku-9x9-easy": ("Sudoku 9×9, easy", "The full board with many clues: chains of simple deductions, learned in less than an hour."),
    "sudoku-quick": (
        "Sudoku of every size, quick",
        "A tiny model to which all digits, rows and columns are alike. It trains on 9×9 for about ten minutes and also reads 4×4 and 6×6.",
    ),
    "sudoku-9x9": (
        "Sudoku 9×9",
        "Trains the bundled model from scratch: first shallow, then deep, from 36 clues down to minimal puzzles.",
    ),
    "sudoku-extreme-1k": (
        "Sudoku-Extreme, 1,000 puzzles",
        "The published recipe: 27 million parameters and 1,000 minimal puzzles, repeated many times. Best on a GPU.",
    ),
    "maze-quick": (
        "Mazes of every size, quick",
        "A tiny model whose cells hear only their neighbours. After about ten minutes it finds shortest paths in mazes of any height and width.",
    ),
    "maze": ("Mazes of every size", "The same model, trained for longer and on larger mazes."),
    "maze-11x11": ("Mazes 11×11", "The shortest path from start to goal, in mazes with and without loops."),
    "maze-30x30-hard": ("Mazes 30×30, hard", "The published maze task: the shortest path through 30×30 cells."),
    "arc-agi-1": ("ARC-AGI-1", "Infer a rule from a few examples and apply it: the coloured grids of the ARC challenge."),
    "arc-agi-2": ("ARC-AGI-2", "The harder second edition of the ARC challenge."),
}


def title(name: str) -> str:
    return _TITLES.get(name, (name.replace("-", " "), ""))[0]


def what(name: str, config: RunConfig) -> str:
    return _TITLES.get(name, ("", f"A model for {config.task}."))[1]


def data(config: RunConfig) -> str:
    """'10,000 generated puzzles (4 clues … 8 clues), new symmetries each time'."""
    if config.dataset:
        return f"dataset {config.dataset}" + ("" if dataset_exists(config.dataset) else ", not built yet")
    sets = config.puzzles
    names = list(dict.fromkeys(s.name(config.task) for s in sets))
    kinds = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names else ""
    text = f"{sum(s.count for s in sets):,} generated puzzles" + (f" ({kinds})" if kinds else "")
    return text + (", new symmetries each time" if config.augment else "")


def model(config: RunConfig) -> str:
    """'0.1 M parameters, 64 wide, 2 H-cycles of 2 L-steps'."""
    m = config.final_model
    size = f"{count(parameter_count(m))} parameters, {m.hidden_size} wide, {m.H_layers} + {m.L_layers} layers"
    return f"{size}, {m.H_cycles} H-cycles of {m.L_cycles} L-steps".replace("-", _NO_BREAK)


def plan(config: RunConfig) -> str:
    """'at most 3,000 steps of 64 puzzles'."""
    return f"{'at most ' if config.stop_at_exact else ''}{config.steps:,} steps of {config.batch_size:,} puzzles"
