"""What the technical terms mean, in plain words. Tooltips and the Glossary dialog take them from here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    name: str
    meaning: str  # one or two sentences, without other terms if possible
    also: tuple[str, ...] = ()  # other spellings


TERMS = (
    Term("HRM", "Hierarchical Reasoning Model: two small networks that take turns, a slow one that plans and a fast one that works out details.", ("Hierarchical Reasoning Model",)),
    Term("H module", "The slow network. It updates its state once after the fast one has updated several times. The answer is read from its state.", ("H", "slow module", "z_H, slow")),
    Term("L module", "The fast network. It updates its state several times between two updates of the slow one.", ("L", "fast module", "z_L, fast")),
    Term("state", "The numbers that a network keeps from one step to the next: one row of them for each cell of the puzzle.", ("hidden state", "States", "z_H", "z_L")),
    Term("L-step", "One call of the fast network. It updates z_L from the state of the slow network and the puzzle."),
    Term("H step", "One call of the slow network. It updates z_H from the state of the fast network, and ends an H-cycle."),
    Term("H-cycle", "A few L-steps and the H step that follows.", ("H-cycles", "H cycles")),
    Term("segment", "A round of reasoning: a few H-cycles, after which the model says whether it would stop. Training corrects the model after each segment.", ("segments",)),
    Term("★", "Solved: the answer is right from this step to the end of the run. The states may go on moving.", ("star", "solved", "★ solved")),
    Term("☆", "The answer is right for the first time, but a later step loses it again.", ("hollow star",)),
    Term("◆", "The model would halt here: after this segment it takes its answer for right. It can be wrong: ◆ may stand before ★.", ("diamond",)),
    Term("Δ", "How many cells changed their answer at a step, guesses included: the taller the bar, the more. An H step has none if the preview before showed its answer.", ("delta", "answer changes")),
    Term("4.2.L1", "A step's short name: segment 4, H-cycle 2, L-step 1. 4.2.H is the H step that ends that cycle.", ("4.2.H", "name of a step")),
    Term("carry", "The states that one segment hands to the next."),
    Term("preview", "The answer at an L-step: what the slow network would answer if it updated now. It is computed for display only. At the last L-step of an H-cycle it is the answer that the H step then gives."),
    Term("halting", "Whether the model would stop reasoning after a segment: if q_halt is above q_continue. The bundled models did not learn q_continue; they would stop if q_halt is above 0.", ("halt", "would halt")),
    Term("q_halt", "How sure the model is, after a segment, that its answer is right. It would stop if q_halt is above q_continue (above 0 if it did not learn q_continue).", ("q halt", "q_halt (halts above 0)")),
    Term("q_continue", "How much the model expects to gain from another segment.", ("q continue",)),
    Term("logits", "The raw scores of a cell's possible answers; the larger, the likelier."),
    Term("probability", "How likely an answer is, in the model's view. The probabilities of a cell's answers add up to 1."),
    Term("confidence", "The probability of the model's answer, averaged over the blank cells.", ("sure",)),
    Term("undecided", "The model gives no answer of the cell 75 %, so the board shows candidates instead of a digit. The likeliest candidate is a guess that the board does not show.", ("undecided cell", "guess", "guesses")),
    Term("surer", "The model gives its answer at least 5 % more probability than it gave its answer at the H step before."),
    Term("settled", "The whole answer has not changed for four segments, right or wrong.", ("stuck",)),
    Term("relabelled copy", "The same puzzle with its digits, rows and columns exchanged (a maze: turned or mirrored). A model often solves a copy of a puzzle that it fails on. Compare makes one.", ("relabelled", "relabelling")),
    Term("entropy", "How undecided the model is about a cell: 0 if one answer has all the probability."),
    Term("accuracy", "The share of blank cells whose answer is right, guesses included."),
    Term("exact accuracy", "The share of puzzles with every cell right.", ("exact_accuracy",)),
    Term("residual", "How far a state moved at a step. In the bundled 9×9 and maze models it shrinks as the answer settles; in the 4×4 and 6×6 models H swings between two states after the answer is fixed.", ("residuals", "movement", "moved")),
    Term("violations", "How often what stands on the board breaks a rule: a digit twice in a row, column or box; a gap in a maze's path.", ("rule breaks", "rule break", "violation")),
    Term("PCA", "Principal component analysis: the flat picture of many numbers that keeps as much of their spread as possible.", ("principal components", "PC 1", "PC 2")),
    Term("explained variance", "The share of the spread that an axis of the picture keeps. The rest is not visible."),
    Term("trajectory", "The path of a state from step to step.", ("trail",)),
    Term("attention", "How much each cell looks at each other cell when a network is called."),
    Term("attention backend", "The code that computes attention: FlashAttention if it is installed and there is a GPU, else PyTorch's own (SDPA).", ("SDPA",)),
    Term("parameters", "The numbers that training has set. They stay the same while the model reasons."),
    Term("dtype", "How precisely numbers are kept: float32 has 7 digits, bfloat16 about 2 and is faster on some machines."),
    Term("device", "What the model runs on: the processor (cpu) or a graphics card (cuda, mps)."),
    Term("steps/s", "Steps of the model per second."),
    Term("trace", "All steps of one model on one puzzle: states, answers and probabilities. It can be saved to a file (.h5) and opened again."),
    Term("checkpoint", "A trained model in a folder: its numbers and its settings."),
    Term("run", "One training, with everything that belongs to it in one folder."),
    Term("EMA", "A running average of the parameters over the last training steps. Its answers vary less than those of the newest parameters."),
    Term("epoch", "One pass over all training puzzles."),
    Term("batch", "The puzzles that a training step works on at once.", ("batch size",)),
    Term("learning rate", "How far the parameters move in a training step.", ("lr",)),
    Term("weight decay", "Pulls all parameters towards zero, so that none grows without need."),
    Term("warm-up", "The first training steps, over which the learning rate grows to its full size.", ("warmup", "warm-up steps")),
    Term("seed", "A number that fixes all randomness: the same seed gives the same run."),
    Term("clues", "The digits that a Sudoku gives. Fewer are usually harder, but not always.", ("clue", "givens")),
    Term("difficulty", "How hard a puzzle is. Here: how many clues it gives, or the hardest technique that a person needs for it."),
    Term("rating", "How hard a Sudoku is for a person: the hardest technique that it needs if easier ones are tried first."),
    Term("minimal", "A puzzle from which no clue can be removed without giving it a second solution.", ("minimal puzzle",)),
    Term("one solution", "Exactly one way to fill the blanks keeps all rules. A proper Sudoku has one solution.", ("unique solution",)),
    Term("naked single", "Technique: only one digit is left for a cell."),
    Term("hidden single", "Technique: a digit has only one place left in a row, column or box."),
    Term("locked candidates", "Technique: a digit's places in a box all lie in one row or column, so it cannot be anywhere else there."),
    Term("naked pair", "Technique: two cells of a row, column or box share the same two digits, which then cannot be anywhere else in it."),
    Term("hidden pair", "Technique: two digits have the same two places in a row, column or box, where nothing else can be then."),
    Term("naked triple", "Technique: three cells of a row, column or box share three digits, which then cannot be anywhere else in it."),
    Term("search", "These techniques do not finish the puzzle: a person has to guess and check."),
)  # fmt: skip

_BY_NAME = {name.lower(): term for term in TERMS for name in (term.name, *term.also)}


def find(name: str) -> Term | None:
    """The term with this name or spelling; None if there is none."""
    return _BY_NAME.get(name.strip().rstrip(":").lower())


def meaning(name: str) -> str:
    """What a term means. KeyError for an unknown term."""
    term = _BY_NAME[name.lower()]
    return term.meaning


def tip(name: str) -> str:
    """A tooltip: the term and its meaning. As rich text, because Qt wraps only that."""
    term = _BY_NAME[name.lower()]
    return f"<p><b>{term.name}</b>: {term.meaning}</p>"
