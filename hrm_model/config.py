"""What a Hierarchical Reasoning Model is made of: one class, validated when built."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PositionEncoding = Literal["rope", "learned", "rope2d", "grid"]
Gradient = Literal["step", "cycle", "all"]

# (cells, vocabulary) of the tasks whose board is known from its size alone. A Sudoku token is digit + 1, 0 is padding.
_SUDOKU_SHAPES = {(16, 6): "sudoku-4x4", (36, 8): "sudoku-6x6", (81, 11): "sudoku-9x9"}


class ModelConfig(BaseModel):
    """Sizes and switches of one model. Names are those of the published code (arXiv 2506.21734) wherever it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq_len: int = Field(81, ge=1, description="S, cells of a board")
    vocab_size: int = Field(11, ge=2, description="V, tokens a cell can hold, padding included")
    puzzle_emb_ndim: int = Field(0, ge=0, description="width of a puzzle's own vector; 0 leaves it out, and cell 0 feeds the Q head")
    num_puzzle_identifiers: int = Field(1, ge=1, description="rows of the puzzle-vector table")

    H_cycles: int = Field(2, ge=1, description="H steps in a segment")
    L_cycles: int = Field(2, ge=1, description="L steps before each H step")
    H_layers: int = Field(4, ge=1, description="transformer blocks of the slow module")
    L_layers: int = Field(4, ge=1, description="transformer blocks of the fast module")

    hidden_size: int = Field(512, ge=2, description="D, width of a state")
    expansion: float = Field(4.0, gt=0, description="SwiGLU width = 2/3 · expansion · hidden_size, rounded up to swiglu_multiple")
    swiglu_multiple: int = Field(256, ge=1, description="the SwiGLU width is a multiple of this")
    num_heads: int = Field(8, ge=1, description="attention heads")
    pos_encodings: PositionEncoding = Field(
        "rope",
        description="how a position is told: rope and learned as published; rope2d by row and column; grid by learned row, column and box vectors",
    )
    box_height: int = Field(0, ge=0, description="rows of a box, for pos_encodings='grid'; 0 for boards without boxes")
    box_width: int = Field(0, ge=0, description="columns of a box; 0 for boards without boxes")
    rms_norm_eps: float = Field(1e-5, gt=0, description="added to the mean square before the root")
    rope_theta: float = Field(10000.0, gt=0, description="slowest rotary wavelength, in positions / 2π")

    halt_max_steps: int = Field(16, ge=1, description="most segments a training example may take")
    halt_exploration_prob: float = Field(
        0.1, ge=0, le=1, description="chance that a training example must take a random least number of segments"
    )
    forward_dtype: Literal["float32", "bfloat16"] = Field("float32", description="dtype of states and activations")
    gradient: Gradient = Field(
        "step",
        description="which module calls of a segment carry gradient: step = the last L and the last H (published); cycle = the last H-cycle; all",
    )

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}")
        quantum = {"rope": 2, "rope2d": 4}.get(self.pos_encodings, 1)
        if self.head_dim % quantum:
            raise ValueError(f"a head is {self.head_dim} wide; {self.pos_encodings} needs a multiple of {quantum}")
        if self.pos_encodings in ("rope2d", "grid") and self.side * self.side != self.seq_len:
            raise ValueError(f"pos_encodings={self.pos_encodings!r} needs a square board; {self.seq_len} cells are none")
        if bool(self.box_height) != bool(self.box_width):
            raise ValueError(f"box_height {self.box_height} and box_width {self.box_width} must both be given or both be 0")
        if self.box_height and (self.side % self.box_height or self.side % self.box_width):
            raise ValueError(f"boxes of {self.box_height}×{self.box_width} do not tile a board of side {self.side}")
        return self

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def swiglu_size(self) -> int:
        """Inner width of the SwiGLU block."""
        wanted = round(self.expansion * self.hidden_size * 2 / 3)
        return -(-wanted // self.swiglu_multiple) * self.swiglu_multiple

    @property
    def puzzle_emb_len(self) -> int:
        """Positions in front of the cells that hold the puzzle's vector."""
        return -(-self.puzzle_emb_ndim // self.hidden_size)

    @property
    def positions(self) -> int:
        """T = puzzle slots + cells."""
        return self.puzzle_emb_len + self.seq_len

    @property
    def side(self) -> int:
        """Side of a square board, rounded down where the cells are no square."""
        return math.isqrt(self.seq_len)

    @property
    def steps_per_segment(self) -> int:
        """Module calls of one segment: H_cycles · (L_cycles + 1)."""
        return self.H_cycles * (self.L_cycles + 1)

    @property
    def task(self) -> str:
        """The task whose boards and tokens have these sizes: 'sudoku-9x9', 'maze-30x30', 'arc', or 'unknown'."""
        shape = (self.seq_len, self.vocab_size)
        if shape in _SUDOKU_SHAPES:
            return _SUDOKU_SHAPES[shape]
        if shape == (900, 12):
            return "arc"
        if self.vocab_size == 6 and self.side**2 == self.seq_len:
            return f"maze-{self.side}x{self.side}"
        return "unknown"


def parameter_count(config: ModelConfig) -> int:
    """Trainable numbers of a model of these sizes, without building it (the puzzle-vector table counted)."""
    d, inner = config.hidden_size, config.swiglu_size
    block = 4 * d * d + 3 * d * inner
    total = (config.H_layers + config.L_layers) * block + 2 * config.vocab_size * d + 2 * (d + 1)
    if config.puzzle_emb_ndim:
        total += config.num_puzzle_identifiers * config.puzzle_emb_ndim
    if config.pos_encodings == "learned":
        total += config.positions * d
    elif config.pos_encodings == "grid":
        boxes = config.seq_len // (config.box_height * config.box_width) if config.box_height else 0
        total += (2 * config.side + boxes) * d
    return total
