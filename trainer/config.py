"""What a training run is: one class, written to config.yaml of its run directory. Imports neither torch nor Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hrm_model.config import Gradient, ModelConfig
from hrm_model.errors import ConfigError
from hrm_model.files import atomic_write
from hrm_model.tasks.registry import task_named

VERSION = 1  # of config.yaml and with it of the run directory


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PuzzleSet(_Strict):
    """So many generated puzzles of one difficulty."""

    clues: int | None = Field(None, description="Sudoku: given digits; none: minimal puzzles, no clue of which can be taken away")
    min_path: int | None = Field(None, ge=2, description="maze: fewest moves from start to goal; none: twice the side")
    max_path: int | None = Field(None, ge=2, description="maze: most moves")
    count: int = Field(ge=1, description="puzzles")
    from_step: int = Field(
        0, ge=0, description="training draws from these from this step on; hard ones waste time before easy ones are learned"
    )

    def name(self, task: str) -> str:
        """What tells it from other sets of the task."""
        if not task.startswith("maze"):
            return "minimal" if self.clues is None else f"{self.clues} clues"
        if self.max_path is None:
            return "mazes" if self.min_path is None else f"path ≥ {self.min_path}"
        return f"path ≤ {self.max_path}" if self.min_path is None else f"path {self.min_path} to {self.max_path}"


class Phase(_Strict):
    """A stretch of a run with its own depth (weights do not depend on it), rate and weight decay."""

    H_cycles: int = Field(2, ge=1)
    L_cycles: int = Field(2, ge=1)
    gradient: Gradient = "all"
    lr_factor: float = Field(1.0, gt=0, description="the schedule's learning rate times this")
    weight_decay: float | None = Field(None, ge=0, description="in place of the run's; puzzle vectors keep their own")
    until_accuracy: float | None = Field(None, gt=0, le=1, description="ends once the running cell accuracy of finished examples is this")
    until_step: int | None = Field(None, ge=1, description="ends at this step of the run at the latest, after one step where that is past")


class RunConfig(_Strict):
    """Everything that decides a run's result. Time limits excepted, equal configurations give equal losses on a CPU."""

    preset: str = Field("", description="the preset it came from")
    task: str = Field(description="sudoku-4x4, sudoku-6x6, sudoku-9x9, maze-NxN or arc")
    model: ModelConfig
    phases: tuple[Phase, ...] = Field(
        (), description="depth curriculum; the last one's depth is the finished model's. Empty: the model's own depth throughout"
    )
    seed: int = Field(0, ge=0)
    start: Literal["random", "neighbours"] = Field(
        "random", description="the weights it begins with; neighbours: L's heads look at the four cells beside their own (needs rope2d)"
    )

    steps: int = Field(ge=1, description="optimizer steps; the cosine ends here")
    minutes: float | None = Field(None, gt=0, description="stop after so much computing time, wherever the steps are")
    stop_at_exact: float | None = Field(None, gt=0, le=1, description="stop once every evaluation set is solved to this share")
    patience: int | None = Field(None, ge=1, description="stop after so many evaluations without a better share of whole puzzles")
    batch_size: int = Field(48, ge=1, description="examples of one optimizer step")
    micro_batch: int | Literal["auto"] = Field(
        "auto", description="examples worked on at once, gradients added up to batch_size; auto: as many as fit the free memory"
    )
    wrong_go_on: bool = Field(False, description="a row halts early only where its answer is right, whatever it thinks of it")
    full_length: float = Field(0.0, ge=0, le=1, description="share of the rows that think for all segments, solved or not")

    puzzles: tuple[PuzzleSet, ...] = Field((), description="the pool that examples are drawn from, generated at the start")
    dataset: str = Field("", description="a folder in the published layout that examples are drawn from instead")
    dataset_test: int = Field(512, ge=0, description="so many examples of the dataset's test split are judged by as well")
    augment: bool = Field(True, description="a random symmetry each time a puzzle is drawn")
    easier_copies: float = Field(0.5, ge=0, le=1, description="share of examples with a random number of blanks filled in")

    optimizer: Literal["adamw", "adam_atan2", "muon"] = Field(
        "adamw", description="muon: orthogonalised steps for the modules' matrices, AdamW for all else"
    )
    lr: float = Field(1e-3, ge=0)
    lr_min_ratio: float = Field(0.1, ge=0, le=1, description="the cosine ends at lr times this")
    warmup_steps: int = Field(100, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(0.1, ge=0, description="in phases that have none of their own")
    clip: float = Field(1.0, ge=0, description="longest gradient of the mean loss; 0: not clipped")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the weight average that is evaluated and saved; 0: none")
    puzzle_emb_lr: float = Field(0.0, ge=0, description="SignSGD on puzzle vectors; 0 leaves them as they are")
    puzzle_emb_weight_decay: float = Field(0.1, ge=0)

    loss: Literal["softmax", "stablemax"] = "softmax"
    loss_cells: Literal["all", "blanks"] = Field(
        "all", description="of a Sudoku; with 'blanks' no given is learned: the run's own figures take givens for right, no one else does"
    )
    q_continue: bool = Field(False, description="learn the continue value too, at the cost of a second forward")

    evaluation: tuple[PuzzleSet, ...] = Field((), description="unseen puzzles that the run is judged by")
    evaluation_segments: int = Field(16, ge=1)
    evaluate_every: int = Field(1000, ge=1, description="steps")
    checkpoint_every: int = Field(500, ge=1, description="steps")
    keep_checkpoints: int = Field(
        2, ge=1, description="newest ones kept, beside the best one and those of the 1st, 2nd, 4th, 8th … multiple of checkpoint_every"
    )
    probe_puzzles: int = Field(
        1, ge=0, description="puzzles of each evaluation set that are traced at each evaluation, to watch them being learned"
    )
    log_every: int = Field(10, ge=1, description="steps a metrics event averages over")
    tensorboard: bool = Field(False, description="write TensorBoard event files too, in the run directory's tensorboard/")
    threads: int | None = Field(None, ge=1, description="torch threads; none: one a core")
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = Field("auto", description="what training computes in; auto: bfloat16 where it is quick")
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="torch.compile one segment; auto: tried by a child process where a run lasts long enough, and kept where it is quicker",
    )

    @field_validator("compile", mode="before")
    @classmethod
    def _switch(cls, value: object) -> object:
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value  # YAML reads on and off as booleans

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        if self.model.task != self.task:
            raise ValueError(f"the model's sizes are those of {self.model.task!r}, the task is {self.task!r}")
        task_named(self.task)  # PuzzleError lists those there are
        if self.loss_cells == "blanks" and not self.task.startswith("sudoku"):
            raise ValueError(f"'loss_cells: blanks' is for Sudoku; of {self.task!r} every cell has to be learned")
        for wanted in (*self.puzzles, *self.evaluation):
            if self.task.startswith("maze") and wanted.clues is not None:
                raise ValueError("mazes have min_path and max_path, no clues")
            if not self.task.startswith("maze") and (wanted.min_path or wanted.max_path):
                raise ValueError("Sudokus have clues, no min_path and no max_path")
        if bool(self.puzzles) == bool(self.dataset):
            raise ValueError("either puzzles to generate or a dataset's folder is needed, and not both")
        if self.puzzles and all(wanted.from_step for wanted in self.puzzles):
            raise ValueError("at least one set of puzzles must be there from step 0 on")
        if self.start == "neighbours" and (self.model.pos_encodings, self.model.mixer) != ("rope2d", "attention"):
            raise ValueError("start: neighbours needs attention with pos_encodings rope2d")
        if self.start == "neighbours" and self.model.num_heads < 4:
            raise ValueError(f"start: neighbours needs at least four heads; the model has {self.model.num_heads}")
        for phase in self.phases[:-1]:
            if phase.until_accuracy is None and phase.until_step is None:
                raise ValueError("each phase but the last needs until_accuracy or until_step")
        if any(not 0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas {self.betas} must lie in [0, 1)")
        return self

    def depth(self, phase: int) -> Phase:
        """The depth of a phase."""
        if not self.phases:
            return Phase(H_cycles=self.model.H_cycles, L_cycles=self.model.L_cycles, gradient=self.model.gradient)
        return self.phases[min(phase, len(self.phases) - 1)]

    @property
    def final_model(self) -> ModelConfig:
        """The finished model: the configured one at the last phase's depth."""
        last = self.depth(len(self.phases))
        return self.model.model_copy(update={"H_cycles": last.H_cycles, "L_cycles": last.L_cycles, "gradient": last.gradient})


def read_config(file: Path) -> RunConfig:
    """The configuration in a YAML file. ConfigError names the file and the fault."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        version = found.pop("version", VERSION) if isinstance(found, dict) else VERSION
        if version != VERSION:
            raise ConfigError(
                f"{file}: this run was made by another version of HRM Studio (its format is {version!r}, this one reads {VERSION}); "
                "open it with a newer HRM Studio"
            )
        return RunConfig.model_validate(found)
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file; a run directory needs a config.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not plain YAML ({str(error).splitlines()[0]})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(f"{file}: {'.'.join(map(str, fault['loc'])) or 'configuration'}: {fault['msg']}") from None


def write_config(config: RunConfig, file: Path) -> None:
    content = {"version": VERSION, **config.model_dump(mode="json")}
    with atomic_write(file, "w") as stream:
        stream.write(yaml.safe_dump(content, sort_keys=False))
