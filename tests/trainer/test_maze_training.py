"""Training of models that read mazes of every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrm_model.act import act_step, initial_carry
from hrm_model.maze_model import MazeHRM
from hrm_model.tasks.maze import grid as maze
from tests.support.runs import small, small_maze_of_every_size
from tests.support.training import losses, losses_after_a_cut
from trainer import measure
from trainer.data.batches import Batches, evaluation_sets, make_pool
from trainer.halting import overrule_halting
from trainer.loop import Trainer
from trainer.presets import preset


def test_it_learns_and_goes_on_bit_for_bit() -> None:
    config = small_maze_of_every_size(steps=60, evaluate_every=1000, warmup_steps=5)
    batches = Batches(config, *make_pool(config))
    whole = losses(Trainer(config, batches))
    assert np.mean(whole[-8:]) < 0.92 * max(whole)  # (not the first: at first little is asked)
    assert losses_after_a_cut(config, batches, 5) == whole[5:]


def test_micro_batches_give_the_gradients_of_the_whole() -> None:
    config = small_maze_of_every_size(steps=3)
    batches = Batches(config, *make_pool(config))
    assert losses(Trainer(config, batches, micro_batch=5)) == pytest.approx(losses(Trainer(config, batches)), rel=1e-4)


def test_a_batch_teaches_the_preferred_path_and_true_distances() -> None:
    config = small_maze_of_every_size()
    batch = Batches(config, *make_pool(config))(30)
    inputs, labels = batch["inputs"].numpy(), batch["labels"].numpy()
    assert inputs.shape == (16, 64)
    assert batch["distances"].shape == (16, 2, 64)
    for given, label, away in zip(inputs, labels, batch["distances"].numpy(), strict=True):
        rows, columns = maze.shape_of(given)
        assert 4 <= min(rows, columns) <= max(rows, columns) <= 8
        assert (np.where(label == -100, 0, label) == maze.solve(given.astype(np.int8))).all()
        assert away[0][given == maze.GOAL] == away[1][given == maze.START] == 0
        assert away[0][given == maze.START] == away[1][given == maze.GOAL] == maze.shortest_paths(given[None]).length[0]


def test_a_row_ends_when_right_or_when_its_path_could_be_known() -> None:
    config = small_maze_of_every_size(end_when_right=1.0)
    trainer = Trainer(config, Batches(config, *make_pool(config)))
    batch = trainer.batch(0)
    carry, outputs = act_step(trainer.model, initial_carry(trainer.model, batch), batch, False)
    carry.steps[:] = torch.arange(16) * 2
    asked = outputs["logits"].argmax(dim=-1)
    carry.labels[3] = torch.where(carry.labels[3] == -100, -100, asked[3])  # as if it were right
    overrule_halting(config, carry, outputs, batch, staying=0, most=12)
    length = maze.shortest_paths(carry.inputs.numpy()).length
    most = np.minimum(12, np.ceil(2 * length / config.reach) + 8)
    wanted = carry.steps.numpy() >= most
    wanted[3] = True
    right = ((asked == carry.labels) | (carry.labels == -100)).all(dim=-1).numpy()
    assert carry.halted.tolist() == (wanted | right).tolist()


def test_it_is_evaluated_on_sizes_that_it_never_saw() -> None:
    config = small_maze_of_every_size(steps=2, evaluate_every=2)
    trainer = Trainer(config, Batches(config, *make_pool(config)), evaluation_sets(config))
    found = [e for events in trainer.train() for e in events if e["type"] == "evaluation"]
    assert {name: s["puzzles"] for name, s in found[0]["sets"].items()} == {"5×5": 8, "sides 4 to 9": 8}


@pytest.mark.parametrize("name", ["maze-quick", "maze"])
def test_the_presets_train(name: str) -> None:
    config = preset(name)
    sets = tuple(s.model_copy(update={"count": 10}) for s in config.puzzles)
    few = config.model_copy(update={"puzzles": sets, "evaluation": (), "batch_size": 4, "warmup_steps": 2, "steps": 6, "log_every": 1})
    trainer = Trainer(few.model_copy(update={"device": "cpu", "threads": 1, "dtype": "float32"}), Batches(few, *make_pool(few)))
    assert isinstance(trainer.model, MazeHRM)
    found = losses(trainer)
    # ln 2 for each of seven questions that count half, and for that of the path in mazes where it is asked after one segment.
    assert 3.5 * np.log(2) < found[0] < 4.51 * np.log(2)
    assert found[-1] < max(found)


def test_its_cost_is_measured_on_real_mazes() -> None:
    config = small_maze_of_every_size(steps=3)
    found = measure.measure(config)
    assert found["parameters"] == sum(p.numel() for p in Trainer(config, measure.RandomBatches(config)).model.parameters())
    assert found["seconds_per_step"] > 0


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="which read mazes of every size"):
        small(puzzles=[{"sides": (4, 7), "count": 3}])
    with pytest.raises(ValidationError, match="do not fit into maze-8x8"):
        small_maze_of_every_size(puzzles=[{"sides": (4, 9), "count": 3}])
    with pytest.raises(ValidationError, match="leave dataset empty"):
        small_maze_of_every_size(puzzles=[], dataset=str(tmp_path))
