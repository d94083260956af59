"""The table of presets: ready training configurations. Imports neither torch nor Qt."""

from __future__ import annotations

from hrm_model.config import ModelConfig
from hrm_model.errors import ConfigError
from trainer.config import Phase, PuzzleSet, RunConfig


def _small(side: int, box_height: int, box_width: int, width: int, heads: int) -> ModelConfig:
    """H and L of one layer, with row, column and box vectors, and one slot before the cells that the Q head reads."""
    return ModelConfig(
        seq_len=side * side, vocab_size=side + 2, hidden_size=width, num_heads=heads, H_layers=1, L_layers=1, expansion=4,
        swiglu_multiple=64, pos_encodings="grid", box_height=box_height, box_width=box_width, puzzle_emb_ndim=width,
        H_cycles=2, L_cycles=2, gradient="all",
    )  # fmt: skip


def _symmetric(width: int) -> ModelConfig:
    """One state for each digit of each cell, one block in H and in L: it reads Sudokus of every size, whatever size it is trained on."""
    return ModelConfig(
        mixer="units", unit_mlp=True, hidden_size=width, num_heads=1, H_layers=1, L_layers=1, swiglu_multiple=16, pos_encodings="none",
        H_cycles=2, L_cycles=2, gradient="all",
    )  # fmt: skip


def _maze(side: int) -> ModelConfig:
    """One state for each cell, which hears its four neighbours: it reads mazes of every size. `side`: of the largest that it is trained on."""
    return ModelConfig(
        mixer="neighbours", seq_len=side * side, vocab_size=6, hidden_size=32, num_heads=1, H_layers=1, L_layers=1, swiglu_multiple=16,
        pos_encodings="none", H_cycles=2, L_cycles=3, gradient="all", halt_max_steps=64,
    )  # fmt: skip


# The published recipe (arXiv 2506.21734): 27 M parameters, 16 segments, gradient through the last two module calls, a second forward for
# the continue value, 20,000 epochs of 1,000 puzzles. For one laptop card: half the batch, and 7e-5 instead of 1e-4.
PUBLISHED = {
    "lr": 1e-4, "lr_min_ratio": 1.0, "warmup_steps": 2000, "weight_decay": 1.0, "clip": 0, "ema": 0, "optimizer": "adam_atan2",
    "puzzle_emb_lr": 1e-4, "puzzle_emb_weight_decay": 1.0, "loss": "stablemax", "q_continue": True, "easier_copies": 0,
}  # fmt: skip
# ARC is learned through a vector for each puzzle, whose learning rate is a hundred times that of the weights.
_ARC = PUBLISHED | {"weight_decay": 0.1, "puzzle_emb_lr": 1e-2, "puzzle_emb_weight_decay": 0.1, "augment": False, "batch_size": 768}


def _wide(cells: int, vocabulary: int) -> ModelConfig:
    return ModelConfig(seq_len=cells, vocab_size=vocabulary, puzzle_emb_ndim=512)


_SHALLOW = Phase(H_cycles=1, L_cycles=1, gradient="step", until_accuracy=0.7, until_step=1000)
_DEEP = Phase(H_cycles=2, L_cycles=2, gradient="all")
# Weight decay 1 avoids a plateau of about 2,000 steps, but such a model needs many segments and solves only three fifths of 30-clue puzzles.
# Decay 0.1 together with a lower learning rate afterwards cures that. training/TRIALS.md has the figures.
_FREED = _DEEP.model_copy(update={"weight_decay": 0.1})
_FINE = _FREED.model_copy(update={"lr_factor": 0.3})
_BY_STEPS = (_SHALLOW, _DEEP.model_copy(update={"until_step": 3500}), _FREED.model_copy(update={"until_step": 4300}), _FINE)
# Some seeds learn chains of deductions a thousand steps later than others. A late one takes the lower learning rate at once.
_BY_ACCURACY = (
    _SHALLOW, _DEEP.model_copy(update={"until_accuracy": 0.93, "until_step": 3000}), _FREED.model_copy(update={"until_step": 2800}), _FINE,
)  # fmt: skip

PRESETS: dict[str, RunConfig] = {
    "sudoku-4x4": RunConfig(
        preset="sudoku-4x4", task="sudoku-4x4", model=_small(4, 2, 2, 64, 2),
        steps=3000, minutes=15, stop_at_exact=0.9995, batch_size=64, lr=2e-3, warmup_steps=30,
        puzzles=(PuzzleSet(clues=4, count=1000), PuzzleSet(clues=5, count=4000), PuzzleSet(clues=6, count=4000), PuzzleSet(clues=8, count=1000)),
        evaluation=(PuzzleSet(clues=6, count=1000), PuzzleSet(clues=5, count=1000)), evaluate_every=250, checkpoint_every=250,
    ),
    "sudoku-6x6": RunConfig(
        preset="sudoku-6x6", task="sudoku-6x6", model=_small(6, 2, 3, 96, 3),
        steps=9000, batch_size=64, optimizer="muon", lr=2e-3, lr_min_ratio=0.005, full_length=0.25, easier_copies=0.25,
        puzzles=(PuzzleSet(clues=9, count=8000), PuzzleSet(clues=11, count=8000), PuzzleSet(clues=14, count=8000)),
        evaluation=(PuzzleSet(clues=14, count=500), PuzzleSet(clues=11, count=500), PuzzleSet(clues=9, count=500)), evaluate_every=1500,
    ),
    "sudoku-9x9-easy": RunConfig(
        preset="sudoku-9x9-easy", task="sudoku-9x9", model=_small(9, 3, 3, 96, 3), phases=_BY_ACCURACY,
        steps=8000, minutes=90, batch_size=48, optimizer="muon", lr=2e-3, weight_decay=1.0, full_length=0.25,
        puzzles=(PuzzleSet(clues=36, count=8000), PuzzleSet(clues=30, count=8000), PuzzleSet(clues=26, count=4000)),
        evaluation=(PuzzleSet(clues=36, count=256), PuzzleSet(clues=30, count=256)), evaluate_every=500,
    ),
    # The symmetries are built in, so there is nothing to augment. Puzzles that need chains of deductions are there from the start.
    "sudoku-quick": RunConfig(
        preset="sudoku-quick", task="sudoku-9x9", model=_symmetric(32),
        steps=1200, batch_size=32, optimizer="muon", lr=2e-3, muon_lr=0.02, lr_min_ratio=0.05, q_weight=0.05, end_when_right=0.75,
        augment=False, easier_copies=0.3,
        puzzles=(PuzzleSet(clues=36, count=1500), PuzzleSet(clues=30, count=1500), PuzzleSet(clues=26, count=2000),
                 PuzzleSet(clues=None, count=3500)),
        evaluation=(PuzzleSet(clues=36, count=64), PuzzleSet(clues=30, count=64), PuzzleSet(clues=26, count=64),
                    PuzzleSet(clues=None, count=64)), evaluate_every=300, checkpoint_every=100,
    ),
    "sudoku-9x9": RunConfig(
        preset="sudoku-9x9", task="sudoku-9x9", model=_small(9, 3, 3, 96, 3), phases=_BY_STEPS,
        steps=30_000, batch_size=48, optimizer="muon", lr=2e-3, lr_min_ratio=0.03, weight_decay=1.0, full_length=0.25,
        # The puzzles of the easy preset; when they are learned, four times as many.
        puzzles=(PuzzleSet(clues=36, count=8000), PuzzleSet(clues=30, count=8000), PuzzleSet(clues=26, count=4000),
                 PuzzleSet(clues=30, count=22_000, from_step=4300), PuzzleSet(clues=26, count=20_000, from_step=4300),
                 PuzzleSet(clues=None, count=20_000, from_step=4300)),
        evaluation=(PuzzleSet(clues=36, count=256), PuzzleSet(clues=30, count=256), PuzzleSet(clues=26, count=128),
                    PuzzleSet(clues=None, count=128)), evaluate_every=2500,
    ),
    "sudoku-extreme-1k": RunConfig(
        preset="sudoku-extreme-1k", task="sudoku-9x9", model=ModelConfig(puzzle_emb_ndim=512),
        steps=52_000, batch_size=384, puzzles=(PuzzleSet(clues=None, count=1000),),
        evaluation=(PuzzleSet(clues=None, count=256),), evaluate_every=1000, **(PUBLISHED | {"lr": 7e-5, "puzzle_emb_lr": 7e-5}),
    ),
    # Wavelengths of 2 to 6 cells distinguish neighbours, so that only moving from cell to cell is left to learn. The full learning rate
    # lasts 4,000 steps: at 0.3 of it, short paths in mazes with many ways are learned several times as fast.
    "maze-11x11": RunConfig(
        preset="maze-11x11", task="maze-11x11", start="neighbours",
        model=ModelConfig(
            seq_len=121, vocab_size=6, hidden_size=96, num_heads=4, H_layers=1, L_layers=1, expansion=4, swiglu_multiple=64,
            pos_encodings="rope2d", rope_theta=0.3, puzzle_emb_ndim=96, H_cycles=2, L_cycles=2, gradient="all",
        ),
        phases=(_DEEP.model_copy(update={"until_step": 4000}), _DEEP.model_copy(update={"lr_factor": 0.3})),
        steps=30_000, batch_size=32, optimizer="muon", lr=2e-3, lr_min_ratio=0.005, full_length=0.25, easier_copies=0.25, ema=0.9995,
        puzzles=(PuzzleSet(min_path=2, max_path=11, count=4000), PuzzleSet(min_path=12, max_path=23, count=10_000),
                 PuzzleSet(min_path=24, max_path=35, count=14_000), PuzzleSet(min_path=36, count=12_000)),
        evaluation=(PuzzleSet(min_path=2, max_path=11, count=128), PuzzleSet(min_path=12, max_path=23, count=128),
                    PuzzleSet(min_path=24, max_path=35, count=128), PuzzleSet(min_path=36, count=128)), evaluate_every=2500,
    ),
    # Each cell is taught what it can check with its neighbours (hrm_model/maze_loss.py). Small mazes first, then those with longer ways.
    "maze-quick": RunConfig(
        preset="maze-quick", task="maze-25x25", model=_maze(25),
        steps=5000, batch_size=32, optimizer="muon", lr=2e-3, muon_lr=0.02, lr_min_ratio=0.05, q_weight=0.05, end_when_right=0.5, easier_copies=0,
        compile="off", puzzles=(PuzzleSet(sides=(5, 13), count=20_000), PuzzleSet(sides=(5, 25), count=20_000, from_step=3000)),
        evaluation=(PuzzleSet(sides=(11, 11), count=64), PuzzleSet(sides=(7, 20), count=64), PuzzleSet(sides=(21, 21), count=32),
                    PuzzleSet(sides=(29, 29), count=32)), evaluation_segments=64, evaluate_every=2500, checkpoint_every=500,
    ),
    "maze": RunConfig(
        preset="maze", task="maze-40x40", model=_maze(40),
        steps=40_000, batch_size=32, optimizer="muon", lr=2e-3, muon_lr=0.02, lr_min_ratio=0.01, q_weight=0.05, end_when_right=0.5, easier_copies=0,
        compile="off",
        puzzles=(PuzzleSet(sides=(5, 13), count=40_000), PuzzleSet(sides=(5, 25), count=40_000, from_step=5000),
                 PuzzleSet(sides=(10, 40), count=20_000, from_step=20_000)),
        evaluation=(PuzzleSet(sides=(11, 11), count=128), PuzzleSet(sides=(7, 20), count=128), PuzzleSet(sides=(21, 21), count=64),
                    PuzzleSet(sides=(30, 30), min_path=110, count=32)), evaluation_segments=64, evaluate_every=5000, checkpoint_every=1000,
    ),
    "maze-30x30-hard": RunConfig(
        preset="maze-30x30-hard", task="maze-30x30", model=_wide(900, 6), steps=26_000, batch_size=768, augment=False,
        puzzles=(PuzzleSet(min_path=110, count=1000),), evaluation=(PuzzleSet(min_path=110, count=128),), evaluate_every=1000, **PUBLISHED,
    ),
    "arc-agi-1": RunConfig(
        preset="arc-agi-1", task="arc", model=_wide(900, 12), dataset="datasets/arc-agi-1", dataset_test=400, steps=400_000,
        evaluate_every=10_000, checkpoint_every=2000, **_ARC,
    ),
    "arc-agi-2": RunConfig(
        preset="arc-agi-2", task="arc", model=_wide(900, 12), dataset="datasets/arc-agi-2", dataset_test=240, steps=550_000,
        evaluate_every=10_000, checkpoint_every=2000, **_ARC,
    ),
}  # fmt: skip


def preset(name: str) -> RunConfig:
    """The preset with this name. ConfigError lists the presets there are."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}")
    return PRESETS[name]
