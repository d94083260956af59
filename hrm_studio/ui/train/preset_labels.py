"""What a preset is, in a newcomer's words. Everything but the first two lines is read off its configuration."""

from __future__ import annotations

from hrm_model.config import parameter_count
from hrm_studio.words import count
from trainer.config import RunConfig
from trainer.data.published import dataset_exists

# name: title, what the model learns
_TITLES = {
    "sudoku-4x4": (
        "Sudoku 4×4",
        "The quickest way to see learning: a tiny model solves every small Sudoku within minutes, on a laptop without a GPU.",
    ),
    "sudoku-6x6": ("Sudoku 6×6", "A little more to think about: boxes of two by three, and puzzles down to nine clues."),
    "sudoku-9x9-easy": ("Sudoku 9×9, easy", "The real board with many clues: chains of simple deductions, learned in less than an hour."),
    "sudoku-9x9": (
        "Sudoku 9×9",
        "The model that ships, from nothing: first shallow, then deep, from 36 clues down to minimal puzzles.",
    ),
    "sudoku-extreme-1k": (
        "Sudoku-Extreme, 1,000 puzzles",
        "The published recipe: 27 million parameters, a thousand puzzles without a clue too many, over and over. Wants a GPU.",
    ),
    "maze-11x11": ("Mazes 11×11", "The shortest way from start to goal, with and without loops: it is found by going back from dead ends."),
    "maze-30x30-hard": ("Mazes 30×30, hard", "The published maze task: the shortest way through thirty by thirty cells."),
    "arc-agi-1": ("ARC-AGI-1", "Few examples of a rule, then the rule applied: coloured grids of the ARC challenge."),
    "arc-agi-2": ("ARC-AGI-2", "The harder second edition of the ARC challenge."),
}


def title(name: str) -> str:
    return _TITLES.get(name, (name.replace("-", " "), ""))[0]


def what(name: str, config: RunConfig) -> str:
    return _TITLES.get(name, ("", f"A model for {config.task}."))[1]


def data(config: RunConfig) -> str:
    """'10,000 generated puzzles (4 clues to 8 clues), each in all its symmetries'."""
    if config.dataset:
        return f"data set {config.dataset}" + ("" if dataset_exists(config.dataset) else ", still to be made: hrm-studio data build")
    sets = config.puzzles
    names = list(dict.fromkeys(s.name(config.task) for s in sets))
    kinds = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}" if names else ""
    text = f"{sum(s.count for s in sets):,} generated puzzles" + (f" ({kinds})" if kinds else "")
    return text + (", new symmetries each time" if config.augment else "")


def model(config: RunConfig) -> str:
    """'0.1 M parameters, 64 wide, 2 H-cycles of 2 L-steps'."""
    m = config.final_model
    layers = f"{m.H_layers} + {m.L_layers} layers"
    return f"{count(parameter_count(m))} parameters, {m.hidden_size} wide, {layers}, {m.H_cycles} H-cycles of {m.L_cycles} L-steps"


def plan(config: RunConfig) -> str:
    """'at most 3,000 steps of 64 puzzles'."""
    return f"{'at most ' if config.stop_at_exact else ''}{config.steps:,} steps of {config.batch_size:,} puzzles"
