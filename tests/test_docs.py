"""Pages made from the code are up to date."""

from __future__ import annotations

import importlib.util

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
