"""The command line. Each command calls the code that the app calls, and its module is imported when it runs: `--help` is quick."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hrm_model.terminal import print_anything

_log = logging.getLogger(__name__)
_BEGINS_WITH_DASH = re.compile(r"-[-0-9.*_xX\s|+]{15,}")

# Name, module below hrm_studio.cli, what it is called there, and the line that `--help` shows.
COMMANDS = (
    ("solve", "solve", "solve", "Solve a puzzle with a model and show the answer."),
    ("train", "train", "train", "Train a model and follow its progress."),
    ("runs", "runs", "runs", "List, follow and control training runs."),
    ("eval", "eval", "evaluate_file", "Evaluate a model on a set of puzzles."),
    ("results", "eval", "results", "Compare the evaluations made so far."),
    ("data", "data", "app", "Build, inspect and check datasets of puzzles."),
    ("models", "models", "app", "List, inspect, download, convert and publish models."),
    ("trace", "trace", "app", "Record, inspect, merge and export traces."),
    ("lab", "lab", "app", "Experiment with a run: change something, and see what follows."),
)


class _Commands(TyperGroup):
    """Knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, *_ in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return next((TyperCommand(name, help=line) for name, _, _, line in COMMANDS if name == cmd_name), None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and load_command(str(name)), rest


def load_command(name: str) -> Any:
    """The command of that name, imported."""
    module, attribute = next((module, attribute) for known, module, attribute, _ in COMMANDS if known == name)
    found = getattr(importlib.import_module(f"hrm_studio.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    made: Any = typer.main.get_command(found)
    made.name = name
    return made


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watch a Hierarchical Reasoning Model think. Without a command, the app opens; with a file or folder, it opens that.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from hrm_studio.versions import versions_text

        print(versions_text().replace("HRM Studio", "hrm-studio", 1))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="HRM_STUDIO_DEBUG", help="Print tracebacks and the log. Works before and after a command.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the versions of HRM Studio and its libraries.")
    ] = False,
) -> None:
    from hrm_studio.log import start_logging

    start_logging(debug=debug)
    if context.invoked_subcommand is None:
        from hrm_studio.app import main as open_app

        raise typer.Exit(open_app())


def main() -> None:
    """Entry point of `hrm-studio`. A file or folder alone (`hrm-studio t.h5`) opens the app with it."""
    print_anything()
    try:
        arguments = _in_order(sys.argv[1:])
        path = _path_alone([a for a in arguments if a != "--debug"])
        if path is None:
            app(arguments)
            return
        from hrm_studio.app import main as open_app
        from hrm_studio.log import start_logging

        start_logging(debug="--debug" in arguments or None)
        sys.exit(open_app(path=path))
    except Exception as error:
        sys.exit(_report(error))


def _path_alone(arguments: list[str]) -> Path | None:
    """The file or folder to open, if the arguments name one and nothing else."""
    path = Path(arguments[0]) if len(arguments) == 1 and arguments[0] not in {name for name, *_ in COMMANDS} else None
    if path is None or not (path.suffix in (".h5", ".hdf5") or len(path.parts) > 1 or (path.suffix and path.is_file()) or path.is_dir()):
        return None
    if not path.exists():
        print(f"hrm-studio: {path}: there is no such file or folder", file=sys.stderr)
        sys.exit(2)
    return path


def _in_order(arguments: list[str]) -> list[str]:
    """The arguments as typer needs them: `--debug` before the command, and a puzzle that begins with - after all options."""
    if "--" in arguments:
        end = arguments.index("--")
        options, rest = arguments[:end], arguments[end:]
    else:
        puzzles = [a for a in arguments if _BEGINS_WITH_DASH.fullmatch(a)]
        options, rest = [a for a in arguments if a not in puzzles], ["--", *puzzles] if puzzles else []
    debug = ["--debug"] if "--debug" in options else []
    return [*debug, *(a for a in options if a != "--debug"), *rest]


def _report(error: Exception) -> int:
    """Log an unexpected error, and say where the log is. Exit code 1."""
    from hrm_model.errors import one_line
    from hrm_studio.log import debugging, log_file

    _log.error("unexpected error in the command line", exc_info=error)
    if debugging():
        return 1  # the log stands on standard error already
    if not log_file().is_file():
        traceback.print_exception(error)
    else:
        print(f"hrm-studio: internal error ({one_line(error)}). The log has the details: {log_file()}", file=sys.stderr)
    return 1
