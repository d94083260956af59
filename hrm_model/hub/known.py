"""HRM and TRM models on the Hugging Face Hub.

An unknown field is '' or 0; licence and size come from the Hub when it can be reached. Accuracies are as published for the model of
that recipe (`source` says by whom); this project did not measure them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    id: str
    title: str
    task: str
    kind: str  # 'HRM' or 'TRM'
    parameters: int  # without puzzle vectors
    accuracy: str
    source: str  # of the accuracy
    licence: str = ""
    nbytes: int = 0  # of the weights file
    note: str = ""


KNOWN = (
    KnownModel(
        "sapientinc/HRM-checkpoint-sudoku-extreme", "HRM Sudoku-Extreme", "sudoku-9x9", "HRM", 27_275_266,
        "55.0 % of Sudoku-Extreme", "HRM paper, arXiv 2506.21734", note="trained on 1,000 puzzles",
    ),
    KnownModel(
        "sapientinc/HRM-checkpoint-maze-30x30-hard", "HRM Maze-Hard 30×30", "maze-30x30", "HRM", 27_270_146,
        "74.5 % of Maze-Hard", "HRM paper, arXiv 2506.21734", note="trained on 1,000 mazes",
    ),
    KnownModel(
        "sapientinc/HRM-checkpoint-ARC-2", "HRM ARC-AGI-2", "arc", "HRM", 27_276_290,
        "5.0 % of ARC-AGI-2", "HRM paper, arXiv 2506.21734", nbytes=2_250_963_000,
        note="its table of 1,045,829 puzzle vectors takes 2.1 GB and stays on the disk",
    ),
    KnownModel(
        "bnsh/HRM-checkpoint-sudoku-full", "HRM Sudoku-Extreme, full", "sudoku-9x9", "HRM", 27_275_266,
        "98.7 % after 16 segments, counted as ever solved", "its model card", note="trained on the whole set; learned positions, 8 L-steps a cycle",
    ),
    KnownModel(
        "ThomasHeim/HRM-Reproduction-Checkpoints", "HRM Sudoku, reproduced", "sudoku-9x9", "HRM", 27_275_266,
        "53 % of Sudoku-Extreme", "its model card", "apache-2.0", note="many steps of two runs; choose a file",
    ),
    KnownModel(
        "MaximeILL/GAR_ckpts", "TRM-MLP Sudoku-Extreme", "sudoku-9x9", "TRM", 5_030_000,
        "86.5 % of Sudoku-Extreme", "its model card", note="choose TRM-MLP-Sudoku-Extreme.pt",
    ),
    KnownModel(
        "gaoxin492/TinyRecursiveModels-Sudoku-Extreme-mlp", "TRM-MLP Sudoku, another run", "sudoku-9x9", "TRM", 5_030_000, "", "",
        "apache-2.0",
    ),
    KnownModel(
        "Trelis/TRM-ARC-AGI-II", "TRM ARC-AGI-2", "arc", "TRM", 0, "about 10.5 % of ARC-AGI-2", "its model card", note="4 L-steps a cycle",
    ),
)  # fmt: skip


def known(repo_id: str) -> KnownModel | None:
    return next((m for m in KNOWN if m.id.lower() == repo_id.lower()), None)
