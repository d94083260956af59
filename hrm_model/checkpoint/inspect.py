"""Inspect a checkpoint before it is loaded: tensors, configuration, what is missing or does not fit. Without torch, and without
reading more of a file than its directory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrm_model.checkpoint.dtypes import as_float32
from hrm_model.checkpoint.infer import Inferred, infer
from hrm_model.checkpoint.locate import CheckpointFiles, find
from hrm_model.checkpoint.settings import GivenSettings, read_config
from hrm_model.checkpoint.tensors import TensorInfo, WeightsFile, renamed
from hrm_model.config import ModelConfig, tensor_shapes
from hrm_model.errors import CheckpointError

_PREFIXES = ("_orig_mod.", "module.", "model.", "inner.")
# Entries of old state dicts that follow from the configuration.
_DERIVED = ("rotary_emb.cos_cached", "rotary_emb.sin_cached")
_SAMPLE = 1 << 20  # numbers of a large tensor that statistics use
# A puzzle table larger than this stays in its file; only the rows that are used are read.
MAPPED_ABOVE = 64 << 20


@dataclass(frozen=True)
class Mismatch:
    name: str
    found: tuple[int, ...]
    expected: tuple[int, ...]


@dataclass(frozen=True)
class Inspection:
    """A checkpoint as found. It can be loaded if `fault` is empty."""

    files: CheckpointFiles
    file: WeightsFile
    names: dict[str, str]  # our name of a tensor → its name in the file
    tensors: tuple[TensorInfo, ...]  # by our names
    given: GivenSettings
    config: ModelConfig | None
    inferred: tuple[Inferred, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]
    notes: tuple[str, ...]
    problem: str  # why there is no configuration
    asks: tuple[str, ...]

    @property
    def fault(self) -> str:
        """Why it cannot be loaded; '' if it can."""
        if self.problem:
            return self.problem
        faults = [f"missing: {_few(self.missing)}"] if self.missing else []
        faults += [f"unexpected: {_few(self.unexpected)}"] if self.unexpected else []
        faults += [f"{m.name} is {m.found} and should be {m.expected}" for m in self.mismatched[:3]]
        return f"does not fit its configuration ({'; '.join(faults)})" if faults else ""

    @property
    def prefix(self) -> str:
        """The prefix of the names in the file, if all have the same."""
        found = {theirs.removesuffix(ours) for ours, theirs in self.names.items()}
        return found.pop() if len(found) == 1 else ""

    @property
    def parameters(self) -> int:
        """Trained numbers without the puzzle table, as the published figures count."""
        return sum(t.numel for t in self.tensors if t.name not in ("H_init", "L_init", "puzzle_emb.weights"))

    @property
    def puzzle_numbers(self) -> int:
        return sum(t.numel for t in self.tensors if t.name == "puzzle_emb.weights")

    @property
    def mapped_bytes(self) -> int:
        """Bytes that stay on the disk until a puzzle needs its row."""
        return sum(t.nbytes for t in self.tensors if t.name == "puzzle_emb.weights" and t.nbytes > MAPPED_ABOVE)

    @property
    def memory_bytes(self) -> int:
        """Bytes of the loaded weights: float32, without a table that stays on the disk."""
        table = self.puzzle_numbers if self.mapped_bytes else 0
        return 4 * (sum(t.numel for t in self.tensors) - table)

    @property
    def kind(self) -> str:
        return "TRM" if self.config is not None and self.config.shared else "HRM"

    def as_json(self) -> dict[str, Any]:
        """For scripts: plain values only."""
        return {
            "path": str(self.files.asked), "file": str(self.files.weights), "format": self.file.kind, "bytes": self.file.size, "kind": self.kind,
            "task": self.config.task if self.config else None, "parameters": self.parameters, "puzzle_numbers": self.puzzle_numbers,
            "memory_bytes": self.memory_bytes, "mapped_bytes": self.mapped_bytes, "prefix": self.prefix,
            "config": self.config.model_dump() if self.config else None, "missing": list(self.missing), "unexpected": list(self.unexpected),
            "mismatched": [{"name": m.name, "found": list(m.found), "expected": list(m.expected)} for m in self.mismatched],
            "inferred": [{"name": f.name, "value": f.value, "source": f.source, "assumed": f.assumed} for f in self.inferred],
            "notes": list(self.notes), "fault": self.fault, "asks": list(self.asks),
            "tensors": [{"name": t.name, "dtype": t.dtype, "shape": list(t.shape)} for t in self.tensors],
        }  # fmt: skip


def inspect(path: str | Path, asked: Mapping[str, Any] | None = None) -> Inspection:
    """Inspect a checkpoint folder, run folder, file or zip. `asked`: fields of the configuration that a person entered.

    CheckpointError if nothing can be inspected; what is missing or does not fit is part of the result.
    """
    files = find(path)
    file = WeightsFile(files.weights)
    names = _our_names(file)
    given = read_config(files.configs)
    if given.complete and files.weights.suffix != ".safetensors":
        given = GivenSettings(given.file, False, given.values, given.extra)
    derived = [n for n in names if n in _DERIVED]
    tensors = tuple(renamed(file.tensors[theirs], ours) for ours, theirs in names.items() if ours not in _DERIVED)
    shapes = {t.name: t.shape for t in tensors}
    found = infer(shapes, given, asked)
    expected = tensor_shapes(found.config) if found.config else {}
    notes = [*found.notes, *files.refused]
    if derived:
        notes.append(f"{', '.join(derived)}: left out, because they follow from the configuration")
    if given.file is None:
        notes.append("no configuration file beside the weights: values that the tensors do not give are assumed")
    return Inspection(
        files=files, file=file, names={o: t for o, t in names.items() if o not in _DERIVED}, tensors=tensors, given=given, config=found.config,
        inferred=found.fields,
        missing=tuple(n for n in expected if n not in shapes),
        unexpected=tuple(n for n in shapes if n not in expected) if found.config else (),
        mismatched=tuple(Mismatch(n, shapes[n], s) for n, s in expected.items() if n in shapes and shapes[n] != s),
        notes=tuple(notes), problem=found.problem, asks=found.asks,
    )  # fmt: skip


def _our_names(file: WeightsFile) -> dict[str, str]:
    """Names without the prefixes of torch.compile, DataParallel and the published training head."""
    names: dict[str, str] = {}
    for theirs in file.tensors:
        ours = theirs
        while (prefix := next((p for p in _PREFIXES if ours.startswith(p)), None)) is not None:
            ours = ours.removeprefix(prefix)
        if ours in names:
            raise CheckpointError(f"{file.path}: contains {ours} twice, as {names[ours]} and as {theirs}")
        names[ours] = theirs
    return names


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# Statistics ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statistics:
    """Statistics of one tensor. counts (64,) and edges (65,) are the histogram of its finite numbers."""

    numbers: int  # that were read; of a large tensor a part
    low: float
    high: float
    mean: float
    std: float
    zeros: float  # share
    not_finite: int
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]


def statistics(inspection: Inspection, name: str) -> Statistics:
    """Of one tensor by our name. Of a large tensor about a million numbers in evenly spread rows are read."""
    info = inspection.file.tensors[inspection.names[name]]
    rows = slice(None)
    if info.numel > 4 * _SAMPLE and len(info.shape) > 1:
        rows = slice(None, None, max(1, info.shape[0] // max(1, _SAMPLE // math.prod(info.shape[1:]))))
    values = as_float32(inspection.file.read(info.name, rows), info.dtype).ravel()
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return Statistics(
            values.size, math.nan, math.nan, math.nan, math.nan, 0.0, values.size, np.zeros(64, np.int64), np.linspace(0, 1, 65)
        )
    low, high = float(finite.min()), float(finite.max())
    counts, edges = np.histogram(finite, 64, (low, high) if high > low else (low - 0.5, high + 0.5))
    return Statistics(
        values.size,
        low,
        high,
        float(finite.mean()),
        float(finite.std()),
        float((finite == 0).mean()),
        values.size - finite.size,
        counts,
        edges,
    )


def dtypes(inspection: Inspection) -> str:
    """'float32' or 'float32, bfloat16 (2)': the commonest first."""
    found = Counter(t.dtype for t in inspection.tensors).most_common()
    return ", ".join(name if number == found[0][1] else f"{name} ({number})" for name, number in found)
