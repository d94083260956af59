"""Read the configuration file beside the weights: our config.json, or the published all_config.yaml; write ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hrm_model.config import ModelConfig
from hrm_model.errors import CheckpointError
from hrm_model.foreign import what_it_is
from hrm_model.formats import CHECKPOINT

_MOST_BYTES_JSON = 256 << 10
_MOST_BYTES_YAML = 16 << 10  # reading YAML takes time with the square of its nesting
# Fields of a published `arch` section that have the same name here; those of TRM follow below.
_SAME = (
    "H_cycles", "L_cycles", "H_layers", "L_layers", "hidden_size", "num_heads", "expansion", "pos_encodings", "rms_norm_eps", "rope_theta",
    "halt_max_steps", "halt_exploration_prob", "puzzle_emb_ndim", "seq_len", "vocab_size", "num_puzzle_identifiers",
)  # fmt: skip

_KINDS: dict[type, str] = {list: "a list", str: "text", int: "a number", float: "a number", bool: "a yes or no"}


@dataclass(frozen=True)
class GivenSettings:
    """The content of a configuration file. `complete`: all of ModelConfig (ours); else some of it, and the tensors give the rest."""

    file: Path | None = None
    complete: bool = False
    values: dict[str, Any] = field(default_factory=dict)  # by ModelConfig's names
    extra: dict[str, Any] = field(default_factory=dict)  # task, title, q_continue, training, …
    data_path: str = ""  # the published data set's folder, which names the task


def read_config(files: tuple[Path, ...]) -> GivenSettings:
    """The first of these files that describes a model; an empty GivenSettings if none does. CheckpointError for a broken one."""
    for file in files:
        content = _parsed(file)
        if not isinstance(content, dict):
            _refuse_foreign(file)  # YAML takes nearly any text for a text
            raise CheckpointError(f"{file}: contains {_KINDS.get(type(content), 'no settings')} instead of a model's settings by name")
        if not {"model", "arch", "H_cycles"} & content.keys():
            _refuse_foreign(file)
        if file.suffix == ".json":
            _check_header(content, file)
        if isinstance(content.get("model"), dict) and file.suffix == ".json":
            return GivenSettings(file, True, content["model"], {k: v for k, v in content.items() if k != "model"})
        arch = content.get("arch")
        if isinstance(arch, dict):
            return _published(file, arch, str(content.get("data_path", "")))
        if file.name in ("all_config.yaml",):
            raise CheckpointError(f'{file}: the section "arch" with the model\'s settings is missing')
        if "H_cycles" in content:  # the section itself, as Hydra keeps it
            return _published(file, content, "")
    return GivenSettings()


def own_config(config: ModelConfig, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a config.json: header, model, and what else is known of it (task, title, q_continue, training, …)."""
    header = {"format": CHECKPOINT.name, "format_version": CHECKPOINT.version, "model": config.model_dump()}
    return header | {name: value for name, value in extra.items() if name not in header}


def _check_header(content: dict[str, Any], file: Path) -> None:
    """CheckpointError if a JSON file says that it is something else, or newer than this program. Without a header it is version 1."""
    if content.get("format", CHECKPOINT.name) != CHECKPOINT.name:
        raise CheckpointError(
            f"{file}: its format is {str(content['format'])[:100]!r}, and {CHECKPOINT.name!r} is needed. "
            "Open a checkpoint that HRM Studio or the published code wrote."
        )
    if "format" in content:
        CHECKPOINT.check(content.get("format_version", 1), f"{file} is", CheckpointError)


def _published(file: Path, arch: dict[Any, Any], data_path: str) -> GivenSettings:
    values = {name: _scalar(arch, name) for name in _SAME if name in arch}
    extra: dict[str, Any] = {}
    if "puzzle_emb_len" in arch:
        values["puzzle_slots"] = _scalar(arch, "puzzle_emb_len")
    if arch.get("mlp_t") is True:
        values["mixer"] = "mlp"
    if "no_ACT_continue" in arch:
        extra["q_continue"] = arch["no_ACT_continue"] is not True
    return GivenSettings(file, False, values, extra, data_path)


def _scalar(arch: dict[Any, Any], name: str) -> Any:
    """A value; for Hydra's '${.other}' the value of that other field."""
    value = arch[name]
    if isinstance(value, str) and value.startswith("${.") and value.endswith("}"):
        value = arch.get(value[3:-1])
    return value


def _parsed(file: Path) -> Any:
    try:
        if file.stat().st_size > (_MOST_BYTES_JSON if file.suffix == ".json" else _MOST_BYTES_YAML):
            raise CheckpointError(f"{file}: refused, because it takes {file.stat().st_size:,} bytes; a configuration is short")
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror or error})") from None
    except yaml.YAMLError as error:
        _refuse_foreign(file)
        tag = str(getattr(error, "problem", "") or error).splitlines()[0][:200]
        raise CheckpointError(f"{file}: not plain YAML ({tag})") from None
    except CheckpointError:
        raise
    except (ValueError, RecursionError, TypeError) as error:  # JSON, UTF-8, numbers of endless digits, unhashable keys
        _refuse_foreign(file)
        kind = "JSON" if file.suffix == ".json" else "plain YAML"
        raise CheckpointError(f"{file}: not {kind} ({(str(error).splitlines() or [''])[0][:200]})") from None


def _refuse_foreign(file: Path) -> None:
    """CheckpointError if something else was saved under a configuration's name."""
    other = what_it_is(file, "a configuration")
    if other:
        raise CheckpointError(f"{file}: {other}") from None
