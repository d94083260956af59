"""What a Hierarchical Reasoning Model is made of: one class, validated when built."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PositionEncoding = Literal["rope", "learned", "rope2d", "grid", "none"]
Mixer = Literal["attention", "mlp", "units", "neighbours"]
Gradient = Literal["step", "cycle", "all"]

# (cells, vocabulary) of the tasks whose board is known from its size alone. A Sudoku token is digit + 1, 0 is padding.
_SUDOKU_SHAPES = {(side**2, side + 2): f"sudoku-{side}x{side}" for side in (4, 6, 8, 9, 10, 12, 15, 16, 25)}

USUAL_SEGMENTS = 16
_SOME_MAZES = ("maze-11x11", "maze-12x24", "maze-21x21", "maze-30x30")

EVERY_SIZE = {"units": "sudoku", "neighbours": "maze"}  # mixers whose models read every size of one kind of puzzle


class ModelConfig(BaseModel):
    """Sizes and switches of one model. Names are those of the published code (arXiv 2506.21734) wherever it has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq_len: int = Field(81, ge=1, description="S, cells of the board")
    vocab_size: int = Field(11, ge=2, description="V, possible tokens of a cell, including padding")
    puzzle_emb_ndim: int = Field(0, ge=0, description="width of the puzzle vector; 0: no puzzle vectors, and cell 0 feeds the Q head")
    num_puzzle_identifiers: int = Field(1, ge=1, description="rows of the table of puzzle vectors")

    puzzle_slots: int = Field(0, ge=0, description="positions before the cells that hold the puzzle vector; 0: as few as needed")

    shared: bool = Field(
        False, description="one module, named L_level, updates both states (TRM, arXiv 2510.04871); H_layers equals L_layers"
    )
    mixer: Mixer = Field(
        "attention",
        description="how the positions of a block see each other: attention; an MLP over them (TRM's mlp_t); or units, the rows, columns and boxes"
        " of a Sudoku, with one state for each digit of each cell; or neighbours, the four cells beside each cell of a maze",
    )
    unit_mlp: bool = Field(False, description="mixer='units': each message passes a non-linearity and a second matrix")
    H_cycles: int = Field(2, ge=1, le=1024, description="H-cycles per segment; each ends with one H step")
    L_cycles: int = Field(2, ge=1, le=1024, description="L-steps per H-cycle")
    H_layers: int = Field(4, ge=1, le=1024, description="transformer blocks of the slow module H")
    L_layers: int = Field(4, ge=1, le=1024, description="transformer blocks of the fast module L")

    hidden_size: int = Field(512, ge=2, description="D, width of the states")
    expansion: float = Field(4.0, gt=0, le=1024, description="SwiGLU width = 2/3 · expansion · hidden_size, rounded up to swiglu_multiple")
    swiglu_multiple: int = Field(256, ge=1, description="the SwiGLU width is a multiple of this")
    num_heads: int = Field(8, ge=1, description="attention heads")
    pos_encodings: PositionEncoding = Field(
        "rope",
        description="how positions are encoded: rope and learned as published; rope2d by row and column; grid by learned row, column and box"
        " vectors; none leaves it to the mixer",
    )
    box_height: int = Field(0, ge=0, description="rows of a box, for pos_encodings='grid'; 0 for boards without boxes")
    box_width: int = Field(0, ge=0, description="columns of a box; 0 for boards without boxes")
    rms_norm_eps: float = Field(1e-5, gt=0, description="added to the mean square before the square root")
    rope_theta: float = Field(
        10000.0, gt=0, description="rotary wavelengths go from 1 to about this, in positions / 2π; below 1 all are short"
    )

    halt_max_steps: int = Field(16, ge=1, description="maximum number of segments per training example")
    halt_exploration_prob: float = Field(
        0.1, ge=0, le=1, description="probability that a training example gets a random minimum number of segments"
    )
    forward_dtype: Literal["float32", "bfloat16"] = Field("float32", description="dtype of states and activations")
    gradient: Gradient = Field(
        "step",
        description="module calls of a segment that carry gradient. step: the last L-step and H step (published); cycle: the last H-cycle; all",
    )

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        if self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of num_heads {self.num_heads}")
        quantum = {"rope": 2, "rope2d": 4}.get(self.pos_encodings, 1)
        if self.head_dim % quantum:
            raise ValueError(f"a head is {self.head_dim} wide; {self.pos_encodings} needs a multiple of {quantum}")
        if self.pos_encodings in ("rope2d", "grid") and self.side * self.side != self.seq_len:
            raise ValueError(f"pos_encodings={self.pos_encodings!r} needs a square board; {self.seq_len} cells are not a square")
        if self.shared and self.H_layers != self.L_layers:
            raise ValueError(f"a shared module has one depth; H_layers is {self.H_layers} and L_layers {self.L_layers}")
        if self.puzzle_slots and self.puzzle_slots * self.hidden_size < self.puzzle_emb_ndim:
            raise ValueError(f"puzzle_slots {self.puzzle_slots} of {self.hidden_size} do not hold a vector of {self.puzzle_emb_ndim}")
        kind = EVERY_SIZE.get(self.mixer)
        if kind and (self.shared or self.puzzle_emb_ndim or self.pos_encodings != "none" or not self.task.startswith(kind)):
            raise ValueError(
                f"mixer={self.mixer!r} needs the seq_len and vocab_size of a {kind}, pos_encodings='none', puzzle_emb_ndim=0 and shared=False"
            )
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
        return self.inner_size(self.hidden_size)

    def inner_size(self, outer: int) -> int:
        """Inner width of a SwiGLU over vectors of `outer` numbers."""
        wanted = round(self.expansion * outer * 2 / 3)
        return -(-wanted // self.swiglu_multiple) * self.swiglu_multiple

    @property
    def puzzle_emb_len(self) -> int:
        """Positions in front of the cells that hold the puzzle's vector."""
        needed = -(-self.puzzle_emb_ndim // self.hidden_size)
        return max(self.puzzle_slots, needed) if needed else 0

    @property
    def positions(self) -> int:
        """T = puzzle slots + cells."""
        return self.puzzle_emb_len + self.seq_len

    def state_shape(self, cells: int | None = None) -> tuple[int, int]:
        """(T, D) of a state of a board with so many cells (None: `seq_len`)."""
        cells = cells or self.seq_len
        if self.mixer == "units":
            return cells, math.isqrt(cells) * self.hidden_size
        return (cells if self.mixer == "neighbours" else self.positions), self.hidden_size

    def task_of(self, cells: int) -> str:
        """The task of a board with so many cells, of those that the model reads; `task` if it reads one size only."""
        if self.mixer == "units":
            return next((task for (size, _), task in _SUDOKU_SHAPES.items() if size == cells), "unknown")
        return f"maze-{math.isqrt(cells)}x{math.isqrt(cells)}" if self.mixer == "neighbours" else self.task

    def reads(self, task: str) -> bool:
        """Whether the model reads the puzzles of this task: its own, and of some models those of every size."""
        kind = EVERY_SIZE.get(self.mixer)
        return task == self.task or (kind is not None and task.startswith(f"{kind}-"))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that the model reads, to choose from: its own, those of every size of Sudoku (jigsaws have many names), or some sizes of mazes."""
        if self.mixer == "units":
            return tuple(_SUDOKU_SHAPES.values())
        return tuple(dict.fromkeys((self.task, *_SOME_MAZES))) if self.mixer == "neighbours" else (self.task,)

    @property
    def usual_segments(self) -> int:
        """Segments that are enough for most puzzles; more for a model in which messages go from cell to cell."""
        return 64 if self.mixer == "neighbours" else USUAL_SEGMENTS

    @property
    def side(self) -> int:
        """Side of a square board, rounded down if the cells are not a square."""
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


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in the state dict of a model of these sizes, without building it."""
    d, inner = config.hidden_size, config.swiglu_size
    if config.mixer in EVERY_SIZE:
        return _shapes_of_every_size(config)
    shapes: dict[str, tuple[int, ...]] = {
        "H_init": (d,), "L_init": (d,), "embed_tokens.embedding_weight": (config.vocab_size, d),
        "lm_head.weight": (config.vocab_size, d), "q_head.weight": (2, d), "q_head.bias": (2,),
    }  # fmt: skip
    if config.puzzle_emb_ndim:
        shapes["puzzle_emb.weights"] = (config.num_puzzle_identifiers, config.puzzle_emb_ndim)
    if config.pos_encodings == "learned":
        shapes["embed_pos.embedding_weight"] = (config.positions, d)
    elif config.pos_encodings == "grid":
        shapes |= {"embed_pos.row": (config.side, d), "embed_pos.column": (config.side, d)}
        if config.box_height:
            shapes["embed_pos.box"] = (config.seq_len // (config.box_height * config.box_width), d)
    for level, layers in (("H", 0 if config.shared else config.H_layers), ("L", config.L_layers)):
        for layer in range(layers):
            block = f"{level}_level.layers.{layer}."
            if config.mixer == "attention":
                shapes |= {block + "self_attn.qkv_proj.weight": (3 * d, d), block + "self_attn.o_proj.weight": (d, d)}
            else:
                wide = config.inner_size(config.positions)
                shapes[block + "mlp_t.gate_up_proj.weight"] = (2 * wide, config.positions)
                shapes[block + "mlp_t.down_proj.weight"] = (config.positions, wide)
            shapes |= {block + "mlp.gate_up_proj.weight": (2 * inner, d), block + "mlp.down_proj.weight": (d, inner)}
    return shapes


def _shapes_of_every_size(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    d, inner = config.hidden_size, config.swiglu_size
    shapes: dict[str, tuple[int, ...]] = {"H_init": (d,), "L_init": (d,), "q_head.weight": (2, d), "q_head.bias": (2,)}
    if config.mixer == "neighbours":
        shapes |= {"roles": (4, d), "answer.weight": (8, d), "answer.bias": (8,)}
        matrices = ["own", "above", "left", "right", "below", "out"]
    else:
        shapes |= {"roles": (3, d), "answer": (d,)}
        matrices = ["own", "digits", "out", "units.0", "units.1"]
        matrices += ["unit_outs.0", "unit_outs.1", "digits_out"] if config.unit_mlp else []
    for level, layers in (("H", config.H_layers), ("L", config.L_layers)):
        for layer in range(layers):
            block = f"{level}_level.layers.{layer}."
            shapes |= {f"{block}mixer.{name}.weight": (d, d) for name in matrices}
            shapes |= {block + "mlp.gate_up_proj.weight": (2 * inner, d), block + "mlp.down_proj.weight": (d, inner)}
    return shapes


def parameter_count(config: ModelConfig) -> int:
    """Trained numbers of a model of these sizes, without building it (the puzzle-vector table counted, initial states not)."""
    return sum(math.prod(shape) for name, shape in tensor_shapes(config).items() if name not in ("H_init", "L_init"))
