"""Probe puzzles: each evaluation traces the same few puzzles, so that one can watch the model learn them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hrm_model.model import HRM
from hrm_model.recording import model_info, record
from hrm_model.tasks.registry import task_named
from hrm_model.trace.data import PuzzleInfo
from hrm_model.trace_file import io as trace_file
from hrm_model.trace_file.layout import States
from trainer.config import RunConfig

_MOST_BYTES = 512 << 20  # of all probe files of a run together, approximately


def states_kept(config: RunConfig, traces: int) -> States:
    """How probe files keep states: in float16 if all files of a run stay below 512 MB, else as means over positions."""
    model = config.final_model
    steps = config.evaluation_segments * model.H_cycles
    positions, width = model.state_shape()
    each = trace_file.size_estimate(
        h_steps=steps, l_steps=steps * model.L_cycles, positions=positions, cells=model.seq_len, width=width,
        vocabulary=model.vocab_size, states="float16",
    )  # fmt: skip
    return "float16" if each * traces * (config.steps // config.evaluate_every + 1) <= _MOST_BYTES else "pooled"


def write_probes(model: HRM, config: RunConfig, sets: dict[str, tuple[Any, ...]], file: Path, name: str) -> None:
    """Trace the first puzzles of each evaluation set into one file. A trace's title is its set. OSError names the file."""
    chosen = [
        (s, p, a) for s, (puzzles, answers, *_) in sets.items() for p, a in list(zip(puzzles, answers, strict=True))[: config.probe_puzzles]
    ]
    if not chosen:
        return
    task, info = task_named(config.task), model_info(model, name, q_continue=config.q_continue)
    file.parent.mkdir(exist_ok=True)
    with trace_file.TraceWriter(file, states=states_kept(config, len(chosen))) as writer:
        for title, given, answer in chosen:
            puzzle = PuzzleInfo(task.name, task.to_tokens(given), task.to_tokens(answer), task.format_line(given))
            trace = record(model, puzzle, info, segments=config.evaluation_segments)
            writer.write(trace, trace_file.Extras(title))
