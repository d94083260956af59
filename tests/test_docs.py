"""Pages made from the code are up to date, and what they name exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.paths import ROOT


def test_the_api_page_is_made_from_todays_docstrings() -> None:
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs/make_api.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert written == script.page(), "docs/api.md is out of date: python docs/make_api.py"
    for name in ("### Trace.to_frame", "## load", "| `sha256` |", "| `CheckpointError` |"):
        assert name in written


PACKAGES = ("hrm_model", "trainer", "hrm_studio")
FOLDERS = sorted(
    {file.parent.relative_to(ROOT) for package in PACKAGES for file in (ROOT / package).rglob("*.py")} - {Path(p) for p in PACKAGES}
)
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


@pytest.mark.parametrize("page", ["architecture.md", "house.svg"])
def test_every_folder_is_in_the_picture_of_the_house(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert len(FOLDERS) > 15
    missing = [str(folder) for folder in FOLDERS if folder.name + "/" not in text]
    assert not missing, f"docs/{page} does not show {missing}"


def test_the_picture_of_the_house_shows_only_what_exists() -> None:
    titles = re.findall(r'font-weight="600"[^>]*>([^<]+)<', (ROOT / "docs/house.svg").read_text(encoding="utf-8"))
    names = [name for title in titles if title != "public API" for name in title.split(" · ")]
    assert len(names) > 30
    for name in names:
        found = [ROOT / package / (name if name.endswith("/") else f"{name}.py") for package in PACKAGES]
        assert any(path.exists() for path in found), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    for name in re.findall(r"`([\w./-]+/[\w./-]+\.py)`", text):
        places = [ROOT / place / name for place in ("", *PACKAGES)]
        assert any(path.exists() for path in places), name
