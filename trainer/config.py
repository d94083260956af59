"""The configuration of a training run: one class, written to config.yaml in its run directory. Imports neither torch nor Qt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hrm_model.config import Gradient, ModelConfig
from hrm_model.errors import ConfigError, first_line
from hrm_model.files import atomic_write
from hrm_model.formats import RUN
from hrm_model.tasks.registry import task_named


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PuzzleSet(_Strict):
    """A number of generated puzzles of one difficulty."""

    clues: int | None = Field(None, description="Sudoku: given digits; none: minimal puzzles, which need every clue")
    min_path: int | None = Field(None, ge=2, description="maze: shortest path from start to goal, in moves; none: twice the side")
    max_path: int | None = Field(None, ge=2, description="maze: longest path, in moves")
    sides: tuple[int, int] | None = Field(
        None,
        description="for models that read mazes of every size: shortest and longest side, drawn for each maze, half of them squares;"
        " they have any number of shortest paths. None: the task's size and one shortest path",
    )
    count: int = Field(ge=1, description="number of puzzles")
    from_step: int = Field(
        0, ge=0, description="the first step that may draw these puzzles; hard ones waste time until easy ones are learned"
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Without `sides` where there are none: kept pools name what they were made from by this text, and version 0.1.0 had no sides."""
        return [(name, value) for name, value in super().__repr_args__() if (name, value) != ("sides", None)]

    def name(self, task: str) -> str:
        """A short name that differs from those of the task's other sets."""
        if not task.startswith("maze"):
            return "minimal" if self.clues is None else f"{self.clues} clues"
        if self.sides is not None:
            low, high = self.sides
            size = f"{low}×{low}" if low == high else f"sides {low} to {high}"
            return size if self.min_path is None else f"{size}, path ≥ {self.min_path}"
        if self.max_path is None:
            return "mazes" if self.min_path is None else f"path ≥ {self.min_path}"
        return f"path ≤ {self.max_path}" if self.min_path is None else f"path {self.min_path} to {self.max_path}"


class Phase(_Strict):
    """A part of a run with its own depth (weights do not depend on it), learning rate and weight decay."""

    H_cycles: int = Field(2, ge=1)
    L_cycles: int = Field(2, ge=1)
    gradient: Gradient = "all"
    lr_factor: float = Field(1.0, gt=0, description="multiplies the schedule's learning rate")
    weight_decay: float | None = Field(None, ge=0, description="replaces the run's, but not that of puzzle vectors")
    until_accuracy: float | None = Field(
        None, gt=0, le=1, description="the phase ends when the running cell accuracy of finished examples reaches this"
    )
    until_step: int | None = Field(
        None, ge=1, description="the phase ends at this step of the run at the latest; if that is past, after one step"
    )


class RunConfig(_Strict):
    """Everything that determines a run's result. On a CPU, equal configurations give equal losses, apart from time limits."""

    preset: str = Field("", description="the preset that it began as")
    task: str = Field(description="sudoku-4x4, sudoku-6x6, sudoku-9x9, maze-NxN or arc")
    model: ModelConfig
    phases: tuple[Phase, ...] = Field(
        (), description="depth curriculum; the finished model has the depth of the last phase. Empty: the model's own depth throughout"
    )
    seed: int = Field(0, ge=0, description="fixes all random choices")
    start: Literal["random", "neighbours"] = Field(
        "random", description="initial weights; neighbours: L's heads attend to the four neighbours of each cell (needs rope2d)"
    )

    steps: int = Field(ge=1, description="optimizer steps; the cosine schedule of the learning rate ends here")
    minutes: float | None = Field(None, gt=0, description="stop after this much computing time, even if steps are left")
    stop_at_exact: float | None = Field(None, gt=0, le=1, description="stop when this share of every evaluation set is solved")
    patience: int | None = Field(None, ge=1, description="stop after this many evaluations that solve no more puzzles than the best")
    batch_size: int = Field(48, ge=1, description="examples in one optimizer step")
    micro_batch: int | Literal["auto"] = Field(
        "auto", description="examples computed at once; gradients are summed up to batch_size. auto: as many as fit into the free memory"
    )
    wrong_go_on: bool = Field(False, description="rows with a wrong answer may not halt early")
    end_when_right: float = Field(
        0.0, ge=0, le=1, description="chance that a row halts when its answer is right; wrong rows go on. 0: the Q head decides"
    )
    reach: float = Field(
        5.0,
        gt=0,
        description="for models of mixer 'neighbours': moves by which a segment must extend what cells know of the goal; less than module calls"
        " of a segment",
    )
    full_length: float = Field(0.0, ge=0, le=1, description="share of the rows that take all segments, solved or not")

    puzzles: tuple[PuzzleSet, ...] = Field((), description="the pool of examples, generated when the run starts")
    dataset: str = Field("", description="a dataset to draw examples from instead: a folder in the published layout")
    dataset_test: int = Field(512, ge=0, description="examples of the dataset's test split to evaluate as well")
    augment: bool = Field(True, description="apply a random symmetry each time a puzzle is drawn")
    easier_copies: float = Field(0.5, ge=0, le=1, description="share of examples in which a random number of blanks is filled in")

    optimizer: Literal["adamw", "adam_atan2", "muon"] = Field(
        "adamw", description="muon: orthogonalised steps for the modules' matrices, AdamW for the rest"
    )
    lr: float = Field(1e-3, ge=0, description="learning rate after the warm-up")
    muon_lr: float | None = Field(
        None,
        gt=0,
        description="with muon: learning rate of the modules' matrices. A step is then an orthogonal matrix times this rate,"
        " and times √(inputs / outputs) if that is above 1. None: lr, with steps as large as AdamW's",
    )
    lr_min_ratio: float = Field(0.1, ge=0, le=1, description="the cosine schedule falls to lr times this")
    warmup_steps: int = Field(100, ge=0, description="steps over which the learning rate rises to lr")
    betas: tuple[float, float] = Field((0.9, 0.95), description="decay of the averages of the gradient and of its square")
    weight_decay: float = Field(0.1, ge=0, description="of phases that do not set their own")
    clip: float = Field(1.0, ge=0, description="maximum norm of the mean loss's gradient; 0: no clipping")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the average of weights that is evaluated and saved; 0: no average")
    puzzle_emb_lr: float = Field(0.0, ge=0, description="learning rate of SignSGD on puzzle vectors; 0: they do not change")
    puzzle_emb_weight_decay: float = Field(0.1, ge=0, description="weight decay of the puzzle vectors")

    loss: Literal["softmax", "stablemax"] = Field(
        "softmax", description="how logits become probabilities in the loss; stablemax as published"
    )
    loss_cells: Literal["all", "blanks"] = Field(
        "all",
        description="for Sudoku; blanks: the model does not learn to repeat givens. The run's own evaluations count givens as right; others do not",
    )
    q_weight: float = Field(0.5, ge=0, description="weight of the Q values' losses; the answer's loss has weight 1")
    q_continue: bool = Field(False, description="also learn the continue value, which costs a second forward pass")

    evaluation: tuple[PuzzleSet, ...] = Field((), description="sets of unseen puzzles for evaluation")
    evaluation_segments: int = Field(16, ge=1, description="segments for each puzzle in evaluations")
    evaluate_every: int = Field(1000, ge=1, description="steps between evaluations")
    checkpoint_every: int = Field(500, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(
        2,
        ge=1,
        description="newest checkpoints to keep, besides the best and those at the 1st, 2nd, 4th, 8th … multiple of checkpoint_every",
    )
    probe_puzzles: int = Field(
        1, ge=0, description="puzzles of each evaluation set to trace at each evaluation, so that you can watch them being learned"
    )
    log_every: int = Field(10, ge=1, description="steps that a metrics event averages over")
    tensorboard: bool = Field(False, description="also write TensorBoard files, into tensorboard/ of the run directory")
    threads: int | None = Field(None, ge=1, description="torch threads; none: one for each core")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="number format of training; auto: bfloat16 if it is fast here"
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="torch.compile for one segment; auto: tried in a child process if the run is long, and used if it is faster",
    )

    @field_validator("compile", mode="before")
    @classmethod
    def _switch(cls, value: object) -> object:
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value  # YAML reads on and off as booleans

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        if self.model.task != self.task:
            raise ValueError(f"task is {self.task!r}, but the model's sizes are those of {self.model.task!r}")
        task_named(self.task)  # PuzzleError lists those there are
        if self.loss_cells == "blanks" and not self.task.startswith("sudoku"):
            raise ValueError(f"loss_cells: blanks is for Sudoku only; the task is {self.task!r}")
        for wanted in (*self.puzzles, *self.evaluation):
            if self.task.startswith("maze") and wanted.clues is not None:
                raise ValueError("clues is for Sudoku; a maze has min_path and max_path")
            if not self.task.startswith("maze") and (wanted.min_path or wanted.max_path):
                raise ValueError("min_path and max_path are for mazes; a Sudoku has clues")
            if wanted.sides is not None:
                if self.model.mixer != "neighbours":
                    raise ValueError("sides is for models of mixer 'neighbours', which read mazes of every size")
                if wanted in self.puzzles and wanted.sides[1] > self.model.side:
                    raise ValueError(f"mazes with sides up to {wanted.sides[1]} do not fit into {self.task}; set a larger task")
        if self.model.mixer == "neighbours" and self.dataset:
            raise ValueError("a model of mixer 'neighbours' trains on puzzles that are generated; leave dataset empty")
        if bool(self.puzzles) == bool(self.dataset):
            raise ValueError("set either puzzles to generate or a dataset, not both")
        if self.puzzles and all(wanted.from_step for wanted in self.puzzles):
            raise ValueError("at least one set of puzzles must have from_step 0")
        if self.muon_lr is not None and self.optimizer != "muon":
            raise ValueError(f"muon_lr is for optimizer muon; the optimizer is {self.optimizer}, whose learning rate is lr")
        if self.start == "neighbours" and (self.model.pos_encodings, self.model.mixer) != ("rope2d", "attention"):
            raise ValueError("start: neighbours needs attention with pos_encodings rope2d")
        if self.start == "neighbours" and self.model.num_heads < 4:
            raise ValueError(f"start: neighbours needs at least four heads; the model has {self.model.num_heads}")
        for phase in self.phases[:-1]:
            if phase.until_accuracy is None and phase.until_step is None:
                raise ValueError("each phase except the last needs until_accuracy or until_step")
        if any(not 0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas {self.betas} must lie in [0, 1)")
        return self

    def depth(self, phase: int) -> Phase:
        """A phase, or the model's own depth if there are no phases."""
        if not self.phases:
            return Phase(H_cycles=self.model.H_cycles, L_cycles=self.model.L_cycles, gradient=self.model.gradient)
        return self.phases[min(phase, len(self.phases) - 1)]

    @property
    def final_model(self) -> ModelConfig:
        """The finished model: the configured one at the last phase's depth."""
        last = self.depth(len(self.phases))
        return self.model.model_copy(update={"H_cycles": last.H_cycles, "L_cycles": last.L_cycles, "gradient": last.gradient})


def read_config(file: Path) -> RunConfig:
    """Read a configuration from a YAML file. ConfigError names the file and the field at fault."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            RUN.check(found.pop("version", RUN.version), f"{file} is", ConfigError)
        return RunConfig.model_validate(found)
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist. A run directory needs a config.yaml.") from None
    except ConfigError:
        raise
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(f"{file}: {'.'.join(map(str, fault['loc'])) or 'configuration'}: {fault['msg']}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: bytes that are not UTF-8, a date that does not exist
        raise ConfigError(f"{file}: invalid YAML ({first_line(error)})") from None


def write_config(config: RunConfig, file: Path) -> None:
    content = {"version": RUN.version, **config.model_dump(mode="json")}
    with atomic_write(file, "w") as stream:
        stream.write(yaml.safe_dump(content, sort_keys=False))
