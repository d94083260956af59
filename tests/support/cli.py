"""Calls the command line in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from hrm_studio.cli.main import app


def run(*arguments: object, text: str | None = None) -> Result:
    """`hrm-studio ARGUMENTS` in this process, with `text` as its standard input."""
    return CliRunner().invoke(app, [str(a) for a in arguments], input=text)
