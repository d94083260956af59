"""What the technical terms mean, in plain words: the one place that hover help, the list of words and the tour take them from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    name: str
    meaning: str  # one or two sentences that need no other term, where that is possible
    also: tuple[str, ...] = ()  # other ways it is written


TERMS = (
    Term("HRM", "Hierarchical Reasoning Model: two small networks that call each other again and again, a slow one that plans and a fast one that works out details.", ("Hierarchical Reasoning Model",)),
    Term("H module", "The slow network. It moves once after the fast one has moved several times, and it holds the answer.", ("H", "slow module", "z_H, slow")),
    Term("L module", "The fast network. It moves several times between two moves of the slow one.", ("L", "fast module", "z_L, fast")),
    Term("state", "The numbers that a network holds from one step to the next: one row of them for each cell of the puzzle.", ("hidden state", "States", "z_H", "z_L")),
    Term("L-step", "One call of the fast network: its state moves, with the plan of the slow one and the puzzle added."),
    Term("H step", "One call of the slow network: its state moves, with what the fast one found added. It ends an H-cycle."),
    Term("H-cycle", "Some L-steps and the one H step that ends them.", ("H-cycles", "H cycles")),
    Term("segment", "A round of thought: some H-cycles, after which the model says whether it would stop. Training corrects the model after each one.", ("segments",)),
    Term("★", "Solved: from this step on the answer is the solution.", ("star", "solved", "★ solved")),
    Term("☆", "The answer is the solution for the first time; a later step loses it again.", ("hollow star",)),
    Term("◆", "Here the model would halt: after this segment it holds its answer to be right.", ("diamond",)),
    Term("Δ", "How many cells changed their answer at a step; on the timeline, the taller the bar, the more.", ("delta", "answer changes")),
    Term("4.2.L1", "A step's short name: segment 4, H-cycle 2, L-step 1. 4.2.H is the H step that ends that cycle.", ("4.2.H", "name of a step")),
    Term("carry", "The states that one segment hands to the next."),
    Term("preview", "The answer at an L-step: what the slow network would say next. It is computed only to be shown and is not kept."),
    Term("halting", "Whether the model would stop thinking: after each segment it compares two numbers, q_halt and q_continue.", ("halt", "would halt")),
    Term("q_halt", "How sure the model is, after a segment, that its answer is right. Above q_continue (above 0 where that was not learned) it would stop.", ("q halt", "q_halt (halts above 0)")),
    Term("q_continue", "How much the model expects to gain from another segment.", ("q continue",)),
    Term("logits", "Raw scores of the possible answers of a cell; the larger, the likelier."),
    Term("probability", "How likely the model holds an answer of a cell to be: all answers of a cell add up to 1."),
    Term("confidence", "The probability of the model's answer, averaged over the blank cells."),
    Term("entropy", "How undecided the model is about a cell: 0 when one answer has all the probability."),
    Term("accuracy", "The share of blank cells whose answer is right."),
    Term("exact accuracy", "The share of puzzles of which every cell is right. Nothing less counts.", ("exact_accuracy",)),
    Term("residual", "How far a state moved at a step. It falls as the model settles on an answer.", ("residuals",)),
    Term("violations", "How often the answer breaks a rule: a digit twice in a row, column or box.", ("rule breaks", "rule break", "violation")),
    Term("PCA", "Principal components: the flat picture of many numbers that keeps as much of their spread as can be.", ("principal components", "PC 1", "PC 2")),
    Term("explained variance", "The share of the spread that an axis of the picture keeps; the rest is not seen."),
    Term("trajectory", "The path of a state from step to step.", ("trail",)),
    Term("attention", "How much each cell looks at each other cell when a network is called."),
    Term("attention backend", "The code that computes attention: FlashAttention where it is installed and a GPU is there, else PyTorch's own (SDPA).", ("SDPA",)),
    Term("parameters", "The numbers that training has set. They stay the same while the model thinks."),
    Term("dtype", "How precisely numbers are kept: float32 has 7 digits, bfloat16 about 2 and is faster on some machines."),
    Term("device", "What computes: the processor (cpu) or a graphics card (cuda, mps)."),
    Term("steps/s", "Steps of the model computed in a second."),
    Term("trace", "All steps of one model on one puzzle: states, answers and probabilities. It can be kept in a file (.h5) and opened again."),
    Term("checkpoint", "A trained model in a folder: its numbers and its settings."),
    Term("run", "One training, with all that belongs to it in one folder."),
    Term("EMA", "A running average of the parameters over the last training steps; it answers more steadily than the newest ones."),
    Term("epoch", "Once through all training puzzles."),
    Term("batch", "The puzzles that are worked on at once in a training step.", ("batch size",)),
    Term("learning rate", "How far the parameters move in a training step.", ("lr",)),
    Term("weight decay", "A pull of all parameters towards zero, so that none grows without need."),
    Term("warm-up", "The first training steps, over which the learning rate grows to its full size.", ("warmup", "warm-up steps")),
    Term("seed", "A number that fixes all chance: the same seed gives the same run."),
    Term("clues", "The digits that a Sudoku gives. Fewer are usually harder, but not always.", ("clue", "givens")),
    Term("difficulty", "How hard a puzzle is. Here: how many clues it gives, or the hardest technique that a person needs for it."),
    Term("rating", "How hard a Sudoku is for a person: the hardest technique that it needs when the easiest ones are used first."),
    Term("minimal", "A puzzle of which no clue can be taken away without giving it a second solution.", ("minimal puzzle",)),
    Term("one solution", "Exactly one way to fill the blanks keeps all rules. Only such a puzzle is a real Sudoku.", ("unique solution",)),
    Term("naked single", "Technique: only one digit is left for a cell."),
    Term("hidden single", "Technique: a digit has only one place left in a row, column or box."),
    Term("locked candidates", "Technique: a digit's places in a box all lie in one row or column, so it can stand nowhere else there."),
    Term("naked pair", "Technique: two cells of a row, column or box share the same two digits, which then stand nowhere else in it."),
    Term("hidden pair", "Technique: two digits have the same two places in a row, column or box, where nothing else can stand then."),
    Term("naked triple", "Technique: three cells of a row, column or box share three digits, which then stand nowhere else in it."),
    Term("search", "The techniques known here do not finish it: one has to guess and see."),
)  # fmt: skip

_BY_NAME = {name.lower(): term for term in TERMS for name in (term.name, *term.also)}


def find(name: str) -> Term | None:
    """The term of that name, or of another way to write it; None where there is none."""
    return _BY_NAME.get(name.strip().rstrip(":").lower())


def meaning(name: str) -> str:
    """What a term means. KeyError for one that is not explained."""
    term = _BY_NAME[name.lower()]
    return term.meaning


def tip(name: str) -> str:
    """Hover help: the term and what it means, broken into lines by Qt because it is rich text."""
    term = _BY_NAME[name.lower()]
    return f"<p><b>{term.name}</b>: {term.meaning}</p>"
