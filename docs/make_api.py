"""Write docs/api.md from the signatures and docstrings of the public names: `python docs/make_api.py`."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout, wherever the script is called from

import hrm_model  # noqa: E402
from hrm_model import errors  # noqa: E402
from trainer.runs import Run  # noqa: E402

_WIDTH = 100  # of a signature on one line
_FUNCTIONS = ("load", "record", "reason", "solve", "evaluate", "parse_puzzle", "read_trace", "write_trace", "bundled_models")
_CLASSES = ("LoadedModel", "Trace", "Step", "PuzzleInfo", "Answer", "Evaluation")
_RUN = "trainer.runs.Run"


def page() -> str:
    """The whole page in Markdown."""
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.HRMError)]
    parts = [
        "# Python API",
        "<!-- Made from the docstrings by `python docs/make_api.py`; do not edit. -->",
        _markdown(inspect.getdoc(hrm_model) or ""),
        "Functions: " + " · ".join(f"[`{name}`](#{name})" for name in _FUNCTIONS) + "  \n"
        "Classes: "
        + " · ".join(f"[`{name}`](#{name.lower()})" for name in _CLASSES)
        + f" · [`{_RUN}`](#trainerrunsrun) · [errors](#errors)",
        *(_function(name, getattr(hrm_model, name)) for name in _FUNCTIONS),
        *(_class(name, getattr(hrm_model, name)) for name in _CLASSES),
        _class(_RUN, Run),
        "## Errors",
        _markdown(inspect.getdoc(errors) or ""),
        "| `hrm_model.errors` | |\n|---|---|\n" + "\n".join(f"| `{kind.__name__}` | {_first_paragraph(kind)} |" for kind in kinds),
    ]
    return "\n\n".join(parts) + "\n"


def _function(name: str, function: Any, level: str = "##", title: str = "") -> str:
    return f"{level} {title or name}\n\n```python\n{_signature(name, function)}\n```\n\n{_markdown(inspect.getdoc(function) or '')}"


def _class(name: str, cls: type) -> str:
    parts = [f"## {name}", _markdown(inspect.getdoc(cls) or "")]
    fields = _fields(cls) if is_dataclass(cls) else []
    if any(meaning for _, _, meaning in fields):
        parts.append(
            "| field | type | |\n|---|---|---|\n"
            + "\n".join(f"| `{field}` | {_code(kind)} | {meaning} |" for field, kind, meaning in fields)
        )
    properties, methods = [], []
    for owner in reversed(cls.__mro__[:-1]):
        for key, member in vars(owner).items():
            if key.startswith("_"):
                continue
            if isinstance(member, property) or hasattr(member, "func"):
                getter = member.fget if isinstance(member, property) else member.func
                kind = inspect.signature(getter).return_annotation.strip("'")
                properties.append(f"| `{key}` | {_code(kind)} | {_first_paragraph(getter)} |")
            elif isinstance(member, FunctionType | classmethod):
                methods.append(_function(key, getattr(cls, key), "###", f"{cls.__name__}.{key}"))
    if properties:
        parts.append("| property | type | |\n|---|---|---|\n" + "\n".join(properties))
    return "\n\n".join(parts + methods)


def _signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    named = [p for p in signature.parameters.values() if p.name != "self"]
    parameters = [p.replace(annotation=_Plain(p.annotation)) if p.annotation is not p.empty else p for p in named]
    result = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    text = f"{name}{signature.replace(parameters=parameters, return_annotation=signature.empty)}{result}"
    if len(text) <= _WIDTH:
        return text
    inside = [str(p) for p in parameters]
    keyword = next((k for k, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY), None)
    if keyword is not None:
        inside.insert(keyword, "*")
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in inside) + f"){result}"


class _Plain:
    """An annotation without the quotes that `from __future__ import annotations` gives it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _fields(cls: type) -> list[tuple[str, str, str]]:
    """Name, type and the comment at the end of the line of each field of a dataclass, from its source."""
    source = textwrap.dedent(inspect.getsource(cls))
    lines, found = source.splitlines(), []
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rest = lines[node.end_lineno - 1][node.end_col_offset :] if node.end_lineno else ""
            found.append((node.target.id, ast.unparse(node.annotation), rest.partition("#")[2].strip().replace("|", "\\|")))
    return found


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _first_paragraph(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def _markdown(text: str) -> str:
    """A docstring with its examples in blocks of code."""
    return re.sub(r"(?m)^>>> .*(?:\n(?!\n).+)*", lambda block: f"```pycon\n{block[0]}\n```", text)


if __name__ == "__main__":
    (ROOT / "docs/api.md").write_text(page(), encoding="utf-8")
