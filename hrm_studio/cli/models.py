"""`hrm-studio models`: lists and inspects models, downloads and publishes them, and converts formats."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from hrm_model.assets import bundled_models, find_model
from hrm_model.checkpoint.inspect import Inspection, dtypes, inspect, statistics
from hrm_model.errors import HubError, UsageError
from hrm_model.hub.cache import cached, clear, from_cache
from hrm_model.hub.client import HubSettings, is_repo_id, push, search
from hrm_model.hub.known import KNOWN
from hrm_studio.cli.common import AsJson, plain_errors, print_json

app = typer.Typer(add_completion=False, help="List, inspect, download, convert and publish models.")

Model = Annotated[
    str, typer.Argument(help="A bundled model's name, a checkpoint (folder, file or zip), a run, or the Hub id of a downloaded model.")
]
Fields = Annotated[list[str] | None, typer.Option("--set", help="A setting that no file gives, as NAME=VALUE. Can be repeated.")]
Endpoint = Annotated[str | None, typer.Option(help="Address of a Hub mirror. Default: HF_ENDPOINT, else huggingface.co.")]
Token = Annotated[str | None, typer.Option(help="Access token. Default: HF_TOKEN, else the token stored by `hf auth login`.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of the Hub cache. Default: that of huggingface_hub.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use the cache only, without a network.")]
Licence = Annotated[str, typer.Option("--license", help="Licence of the model, such as apache-2.0.")]


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        for model in bundled_models():
            print(f"{model.name:14} {model.title}")


@app.command("list")
def list_models(cache: Cache = None, as_json: AsJson = False) -> None:
    """List bundled models, downloaded models, and known models on the Hub."""
    with plain_errors():
        there = cached(HubSettings(cache=cache))
    bundled = [{"name": m.name, "task": m.task, "title": m.title, "path": str(m.path)} for m in bundled_models()]
    fetched = [{"id": c.id, "commit": c.commit, "path": str(c.path), "bytes": c.nbytes, "file": c.weights} for c in there]
    known = [
        {"id": m.id, "title": m.title, "task": m.task, "kind": m.kind, "parameters": m.parameters or None, "accuracy": m.accuracy or None,
         "source": m.source or None, "license": m.licence or None, "bytes": m.nbytes or None, "note": m.note or None}
        for m in KNOWN
    ]  # fmt: skip
    if as_json:
        print_json(bundled=bundled, cached=fetched, known=known)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Bundled[/]")
    for model in bundled_models():
        console.print(f"  {model.name:46} {model.title}", markup=False)
    console.print("[bold]In the Hub's cache[/]" if fetched else "[bold]In the Hub's cache[/]: none")
    for copy in there:
        console.print(f"  {copy.id:46} {_megabytes(copy.nbytes)}, {copy.commit[:8] if copy.weights else 'incomplete'}", markup=False)
    console.print("[bold]Known on the Hub[/] (models pull ID)")
    for entry in KNOWN:
        accuracy = f"; {entry.accuracy} ({entry.source})" if entry.accuracy else ""
        console.print(f"  {entry.id:46} {entry.title}{accuracy}; licence {entry.licence or 'unknown'}", markup=False)


@app.command("inspect")
def inspect_model(model: Model, fields: Fields = None, tensors: bool = False, cache: Cache = None, as_json: AsJson = False) -> None:
    """Show a checkpoint without loading it: sizes, the configuration and where each setting comes from, and faults."""
    with plain_errors():
        found = inspect(_path(model, cache), _asked(fields))
    if as_json:
        print_json(**found.as_json())
    else:
        _show(found, tensors)
    if found.fault:
        raise typer.Exit(1)


@app.command()
def pull(
    repo: Annotated[str, typer.Argument(metavar="ID", help="owner/name on the Hub.")],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    file: Annotated[str | None, typer.Option(help="The weights file, if there are several.")] = None,
    endpoint: Endpoint = None,
    token: Token = None,
    cache: Cache = None,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Download a model from the Hub into its cache. After an interruption, the same command continues."""
    from hrm_model.hub.download import download

    console = Console(stderr=True, highlight=False)
    path, total, commit = "", 0, ""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with plain_errors(), Progress(*columns, console=console, transient=True, disable=as_json) as progress:
        bar = progress.add_task(repo, total=None)
        try:
            for event in download(repo, HubSettings(endpoint, token, cache, offline), revision=revision, file=file):
                if event["type"] == "started":
                    total = event["bytes"]
                    progress.update(bar, total=total, completed=event["have"])
                elif event["type"] == "progress":
                    progress.update(bar, completed=event["bytes"], description="stalled" if event["stalled"] > 3 else repo)
                elif event["type"] == "retrying":
                    progress.console.print(f"{event['reason']}; trying again in {event['wait']:.0f} s", markup=False)
                elif event["type"] == "verifying":
                    progress.update(bar, description=f"checking {event['file']}")
                elif event["type"] == "finished":
                    path, commit = event["path"], event["commit"]
        except KeyboardInterrupt:
            console.print("stopped; the same command continues from here")
            raise typer.Exit(130) from None
    if as_json:
        print_json(id=repo, commit=commit, path=path, bytes=total)
    else:
        print(path)


@app.command()
def convert(
    model: Model, folder: Annotated[Path, typer.Argument(help="A new folder.")], fields: Fields = None, cache: Cache = None
) -> None:
    """Write a checkpoint as model.safetensors with config.json. Every number stays the same."""
    from hrm_model.checkpoint.export import convert as write

    with plain_errors():
        print(write(inspect(_path(model, cache), _asked(fields)), folder))


@app.command()
def export(
    model: Model,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    licence: Licence = "",
    fields: Fields = None,
    cache: Cache = None,
) -> None:
    """Convert, and add a model card (README.md)."""
    from hrm_model.checkpoint.export import export as write

    with plain_errors():
        print(write(inspect(_path(model, cache), _asked(fields)), folder, licence))


@app.command("push")
def push_model(
    model: Model,
    repo: Annotated[str, typer.Argument(metavar="ID", help="owner/name on the Hub.")],
    public: Annotated[bool, typer.Option("--public", help="Make it public. Default: private.")] = False,
    licence: Licence = "",
    fields: Fields = None,
    endpoint: Endpoint = None,
    token: Token = None,
    cache: Cache = None,
) -> None:
    """Publish a model with its card on the Hub."""
    from hrm_model.checkpoint.export import export as write

    if endpoint:  # before version 1.10 huggingface_hub needs this variable to read the address of the pushed commit
        os.environ["HF_ENDPOINT"] = endpoint
    with plain_errors(), tempfile.TemporaryDirectory() as scratch:
        folder = write(inspect(_path(model, cache), _asked(fields)), Path(scratch) / "model", licence)
        print(push(folder, repo, HubSettings(endpoint, token, cache), private=not public))


@app.command("search")
def search_hub(
    text: Annotated[str, typer.Argument(help="Part of a model's name.")],
    endpoint: Endpoint = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Search the Hub by name."""
    with plain_errors():
        hits = search(text, HubSettings(endpoint, token))
    if as_json:
        print_json(found=[vars(hit) for hit in hits])
        return
    for hit in hits:
        print(f"{hit.id:60} {hit.licence or 'licence unknown':16} {hit.downloads:>8,} downloads  {hit.updated}")


@app.command("clear")
def clear_cache(repo: Annotated[str, typer.Argument(metavar="ID", help="owner/name on the Hub.")], cache: Cache = None) -> None:
    """Delete a downloaded model from the Hub cache."""
    with plain_errors():
        print(f"{_megabytes(clear(repo, HubSettings(cache=cache)))} freed")


def _path(model: str, cache: Path | None) -> Path:
    if is_repo_id(model):
        try:
            return from_cache(model, HubSettings(cache=cache)).path
        except HubError:
            raise HubError(f"{model} is not downloaded yet. Run: hrm-studio models pull {model}", "offline") from None
    return find_model(model)


def _asked(fields: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE pairs. A value is read as JSON if possible, else as text."""
    asked: dict[str, Any] = {}
    for field in fields or []:
        name, equals, value = field.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {field}: expected NAME=VALUE, such as --set seq_len=81.")
        try:
            asked[name] = json.loads(value)
        except ValueError:
            asked[name] = value
    return asked


def _show(found: Inspection, tensors: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    config = found.config
    console.print(f"{found.files.weights}  ({found.file.kind}, {_megabytes(found.file.size)}, {len(found.tensors)} tensors, {dtypes(found)})", markup=False)  # fmt: skip
    table = f" and {found.puzzle_numbers:,} in the puzzle table" if found.puzzle_numbers else ""
    disk = f", {_megabytes(found.mapped_bytes)} stay on disk" if found.mapped_bytes else ""
    console.print(f"{found.kind} of {found.parameters:,} parameters{table}; in memory {_megabytes(found.memory_bytes)}{disk}")
    if config is not None:
        layers = f"{config.L_layers} layers shared by H and L" if config.shared else f"H {config.H_layers} and L {config.L_layers} layers"
        console.print(
            f"reads {', '.join(config.tasks)}; {config.hidden_size} wide, {layers}, {config.H_cycles} H-cycles of {config.L_cycles} L-steps"
        )
    if found.prefix:
        console.print(f"names begin with {found.prefix}", markup=False)
    rows = Table("setting", "value", "from", box=None, padding=(0, 2, 0, 0))
    for field in found.inferred:
        rows.add_row(field.name, str(field.value), field.source, style="yellow" if field.assumed else "")
    console.print(rows)
    for title, names in (("missing", found.missing), ("unexpected", found.unexpected)):
        for name in names:
            console.print(f"{title:12} {name}", style="red", markup=False)
    for fault in found.mismatched:
        console.print(f"{'wrong size':12} {fault.name} is {fault.found} and should be {fault.expected}", style="red", markup=False)
    for note in found.notes:
        console.print(f"note: {note}", style="dim", markup=False)
    if tensors:
        rows = Table("tensor", "shape", "dtype", "mean", "std", "lowest", "highest", box=None, padding=(0, 2, 0, 0))
        for tensor in found.tensors:
            values = statistics(found, tensor.name)
            rows.add_row(
                tensor.name,
                "×".join(map(str, tensor.shape)),
                tensor.dtype,
                *(f"{v:.4g}" for v in (values.mean, values.std, values.low, values.high)),
            )
        console.print(rows)
    if found.fault:
        console.print(f"cannot be loaded: {found.fault}", style="red", markup=False)


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e9:.2f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.1f} MB"
