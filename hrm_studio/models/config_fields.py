"""A RunConfig as a list of fields for a form or a table. All of it comes from the pydantic classes."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from trainer.config import RunConfig
from trainer.runs.manage import CHANGEABLE

# The field that begins a group, and the group's name. Fields that are not named here join the group before them.
_GROUPS = {
    "task": "Task", "model": "Model", "phases": "Depth", "seed": "Length", "batch_size": "Batch", "puzzles": "Data", "optimizer": "Optimizer",
    "loss": "Loss", "evaluation": "Evaluation and checkpoints", "threads": "Machine",
}  # fmt: skip
_HIDDEN = {"preset"}
_FAMILIES = ("sudoku", "maze", "arc")


@dataclass(frozen=True)
class Field:
    """One setting: a value, or a list of small records such as puzzle sets."""

    path: tuple[str, ...]
    annotation: Any
    help: str
    group: str

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def optional(self) -> bool:
        return type(None) in _members(self.annotation)

    def concerns(self, task: str) -> bool:
        """Whether it applies to a task: a description that begins with 'maze: …' is for mazes only."""
        family, colon, _ = self.help.partition(":")
        return not colon or family.lower() not in _FAMILIES or task.startswith(family.lower())

    @property
    def words(self) -> str:
        """The text that a search looks through."""
        inner = " ".join(f"{f.name} {f.help}" for f in fields_of(self.record)) if self.record is not None else ""
        return f"{self.name} {self.help} {self.group} {inner}".lower()

    @property
    def kind(self) -> str:
        """'choice', 'switch', 'records', 'numbers' or 'text'."""
        inner = [m for m in _members(self.annotation) if m is not type(None)]
        if len(inner) == 1 and get_origin(inner[0]) is Literal:
            return "choice"
        if inner == [bool]:
            return "switch"
        if self.record is not None:
            return "records"
        return "numbers" if len(inner) == 1 and get_origin(inner[0]) is tuple else "text"

    @property
    def choices(self) -> tuple[Any, ...]:
        inner = next(m for m in _members(self.annotation) if m is not type(None))
        return ((None,) if self.optional else ()) + get_args(inner)

    @property
    def record(self) -> type[BaseModel] | None:
        """The class of a list's records."""
        arguments = get_args(self.annotation) if get_origin(self.annotation) is tuple else ()
        return arguments[0] if arguments and isinstance(arguments[0], type) and issubclass(arguments[0], BaseModel) else None


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def fields_of(cls: type[BaseModel], path: tuple[str, ...] = (), group: str = "") -> Iterator[Field]:
    """Every setting of a configuration class, nested ones by their path, in the order of the classes."""
    hints = typing.get_type_hints(cls)
    for name, info in cls.model_fields.items():
        if name in _HIDDEN and not path:
            continue
        group = _GROUPS.get(name, group) if not path else group
        annotation = hints.get(name, info.annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from fields_of(annotation, (*path, name), group)
        else:
            yield Field((*path, name), annotation, _help(info), group)


def _help(info: FieldInfo) -> str:
    """The description, and the limits that a value must keep."""
    limits = []
    for rule in info.metadata:
        for sign, name in (("≥", "ge"), (">", "gt"), ("≤", "le"), ("<", "lt")):
            if getattr(rule, name, None) is not None:
                limits.append(f"{sign} {getattr(rule, name):g}")
    return " ".join(filter(None, [info.description or "", f"({', '.join(limits)})" if limits else ""]))


def fixed_sizes() -> set[tuple[str, ...]]:
    """Settings that cannot change if a run continues from another's weights."""
    return {("task",)} | {field.path for field in fields_of(RunConfig) if field.path[0] == "model" and field.path[1] not in CHANGEABLE}


def value_at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path of nested mappings."""
    for name in path:
        values = values[name]
    return values


def text_of(value: Any) -> str:
    """A value as a person types it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(text_of(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_value(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return "; ".join(", ".join(f"{k} {text_of(v)}" for k, v in record.items() if v is not None) for record in value)
    return "none" if value is None or value == () or value == [] else text_of(value)


def build(values: Mapping[tuple[str, ...], Any], preset: str) -> tuple[RunConfig | None, dict[tuple[str, ...], str]]:
    """A configuration from values by path, or what is wrong with them by path; () is the path of faults that concern several values."""
    tree: dict[str, Any] = {"preset": preset}
    for path, value in values.items():
        place = tree
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    try:
        return RunConfig.model_validate(tree), {}
    except ValidationError as error:
        faults: dict[tuple[str, ...], str] = {}
        for fault in error.errors():
            where = tuple(str(part) for part in fault["loc"])
            message = fault["msg"].removeprefix("Value error, ")
            path = next((p for p in values if where[: len(p)] == p), ())
            extra = [part for part in where[len(path) :] if path]
            faults.setdefault(path, f"row {int(extra[0]) + 1}, {extra[1]}: {message}" if len(extra) > 1 and extra[0].isdigit() else message)
        return None, faults
