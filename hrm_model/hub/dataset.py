"""A file of puzzles from a dataset on the Hugging Face Hub, kept in its cache."""

from __future__ import annotations

from pathlib import Path

from hrm_model.hub.client import HubSettings, hub_errors, is_repo_id


def local_file(path: Path, name: str, settings: HubSettings | None = None) -> Path:
    """A local file as it is; for owner/dataset, if there is no such file, that dataset's file `name` from the cache or the Hub. HubError."""
    text = path.as_posix()
    if not is_repo_id(text):
        return path
    from huggingface_hub import hf_hub_download

    options = settings or HubSettings()
    with hub_errors(f"{text}, {name}"):
        return Path(
            hf_hub_download(
                text, name, repo_type="dataset", endpoint=options.endpoint, token=options.token, cache_dir=options.cache,
                local_files_only=options.is_offline,
            )
        )  # fmt: skip
