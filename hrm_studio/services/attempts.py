"""A model's two attempts at an ARC input, asked in the worker thread: it answers copies of the input, a few at a time, and these vote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hrm_model.errors import MismatchError
from hrm_model.tasks.arc.augment import augmented, encode_pair
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair
from hrm_model.tasks.arc.vote import ATTEMPTS, Answer, Candidate, vote
from hrm_studio.services.model_jobs import About, Question
from trainer.data.identifiers import copies_in, names_file

if TYPE_CHECKING:
    from hrm_model.model import HRM

_BATCH = 4  # copies at a time: between two segments of them others get their turn


@dataclass(frozen=True)
class Attempts:
    """The best answers so far, those with most votes first."""

    found: tuple[Candidate, ...]  # up to ATTEMPTS of them
    done: int  # copies that were answered
    copies: int  # how many there will be


def attempting(name: str, pair: Pair, copies: int, segments: int) -> Question[Attempts]:
    """`name`: the task's among those that the model was trained on, whose copies are taken then; else they are random ones."""

    def question(model: HRM, about: About) -> Iterator[Attempts | None]:
        from hrm_model.arc_solve import copies_of
        from hrm_model.survey import run_batch

        if model.config.task != "arc":
            raise MismatchError(f"{about['name']} reads {model.config.task}; this is an ARC task. Choose another model.")
        task = ArcPuzzle(name or "task", (), (pair,))
        rows = model.config.num_puzzle_identifiers if model.config.puzzle_emb_ndim else 0
        file = names_file(about["path"]) if name and rows > 1 else None
        known = [(number, copy) for number, copy in copies_in(file, name) if number < rows] if file is not None else []
        asked = copies_of(task, known, copies)
        answers: list[Answer] = []
        yield Attempts((), 0, len(asked))
        for start in range(0, len(asked), _BATCH):
            some = asked[start : start + _BATCH]
            inputs = [augmented(task, by).test[0].input for _, by in some]
            tokens = np.stack([encode_pair(Pair(grid, None))[0] for grid in inputs])
            for batch in run_batch(model, tokens, segments, [number for number, _ in some]):
                if batch is None:
                    yield None
                    continue
                for (_, by), grid, answer, q in zip(some, inputs, batch.predictions[-1], batch.q_halt[-1], strict=True):
                    answers.append(Answer(by.name(task.name), grid, answer, float(q)))
            (best,) = vote(answers).values()
            yield Attempts(tuple(best[:ATTEMPTS]), len(answers), len(asked))

    return question
