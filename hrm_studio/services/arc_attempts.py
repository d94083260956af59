"""A model's two attempts at an ARC input: it answers copies of the input, a few at a time, and the answers vote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hrm_model.tasks.arc.augment import augmented, encode_pair
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair
from hrm_model.tasks.arc.vote import ATTEMPTS, Candidate, CopyAnswer, vote
from hrm_studio.services.model_jobs import ModelJob
from trainer.data.identifiers import augmented_copies, names_file

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

_BATCH = 4  # copies at a time: other jobs run between two segments of them


@dataclass(frozen=True)
class Attempts:
    """The best answers so far, those with most votes first."""

    found: tuple[Candidate, ...]  # up to ATTEMPTS of them
    done: int  # answered copies
    copies: int  # copies in all


def attempts_job(name: str, pair: Pair, copies: int, segments: int) -> ModelJob[Attempts]:
    """Attempts at the input of `pair`. `name`: the task's name in the dataset that the model was trained on, whose copies are then taken;
    without a name the copies are random ones."""

    def job(loaded: LoadedModel) -> Iterator[Attempts | None]:
        from hrm_model.arc_solve import copies_of
        from hrm_model.reasoning import reason_batch

        loaded.must_read("arc")
        config = loaded.model.config
        task = ArcPuzzle(name or "task", (), (pair,))
        rows = config.num_puzzle_identifiers if config.puzzle_emb_ndim else 0
        file = names_file(loaded.path) if name and rows > 1 else None
        known = [(number, copy) for number, copy in augmented_copies(file, name) if number < rows] if file is not None else []
        chosen = copies_of(task, known, copies)
        answers: list[CopyAnswer] = []
        yield Attempts((), 0, len(chosen))
        for start in range(0, len(chosen), _BATCH):
            some = chosen[start : start + _BATCH]
            inputs = [augmented(task, by).test[0].input for _, by in some]
            tokens = np.stack([encode_pair(Pair(grid, None))[0] for grid in inputs])
            for answered in reason_batch(loaded.model, tokens, segments=segments, puzzle_ids=[number for number, _ in some]):
                last = answered
                yield None
            for (_, by), grid, answer, q in zip(some, inputs, last.predictions[0], last.q_halt[0], strict=True):
                answers.append(CopyAnswer(by.name(task.name), grid, answer, float(q)))
            (best,) = vote(answers).values()
            yield Attempts(tuple(best[:ATTEMPTS]), len(answers), len(chosen))

    return job
