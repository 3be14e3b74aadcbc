"""The documentation's site: it builds with every link and anchor right, and a reader's browser fetches nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.template import ROOT

PAGES = sorted((ROOT / "docs").glob("**/*.md"))
FILES = [*ROOT.glob("*.md"), ROOT / "local" / "STANDINS.md"]
"""Pages that people read in the repository; the site doesn't have them."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
FETCHED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)="?(?:https?:)?//[^">\s]+""")


def built(into: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        config,
        "--site-dir",
        into,
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("site")
    ended = built(into)
    assert ended.returncode == 0, ended.stderr
    return into


def test_every_page_is_in_the_site(site: Path) -> None:
    assert {page.with_suffix(".html").name for page in PAGES} <= {page.name for page in site.glob("**/*.html")}


def test_a_browser_fetches_nothing_from_elsewhere(site: Path) -> None:
    fetched = [found for page in site.glob("**/*.html") for found in FETCHED.findall(page.read_text())]
    styles = [file.name for file in site.glob("**/*.css") if re.search(r"url\(['\"]?https?:|@import", file.read_text())]
    assert (fetched, styles) == ([], [])
    # The theme's script fetches a library for diagrams from elsewhere if a page has one.
    assert not [page.name for page in site.glob("**/*.html") if 'class="mermaid"' in page.read_text()]


def test_every_picture_is_small_shown_somewhere_and_fetches_nothing() -> None:
    pages = "".join(page.read_text() for page in PAGES)
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert f"](pictures/{picture.name})" in pages
        assert picture.stat().st_size < 150_000
        assert picture.suffix == ".jpg" or not re.search(r"url\(['\"]?http|href=['\"]http", picture.read_text())


def test_what_would_be_fetched_is_seen() -> None:
    assert FETCHED.findall('<link rel="preconnect" href="https://fonts.gstatic.com">') != []
    assert FETCHED.findall("<script src=//cdn.example/x.js>") != []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_links_of_the_repositorys_own_files_lead_somewhere(file: Path, site: Path) -> None:
    assert list(broken(file, site)) == []


def broken(file: Path, site: Path) -> Iterator[str]:
    """Links of a file outside of the site: to files, and to places on pages of the site."""
    for link in LINK.findall(file.read_text()):
        if link.startswith(("https:", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (file.parent / name).resolve() if name else file
        if not target.exists():
            yield link
        elif anchor and target.is_relative_to(ROOT / "docs"):
            page = site / target.relative_to(ROOT / "docs").with_suffix(".html")
            if f'id="{anchor}"' not in page.read_text():
                yield link


def test_a_broken_link_a_broken_anchor_and_a_page_without_a_place_stop_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# Home\n\n[gone](gone.md), [nowhere](index.md#nowhere), [absolute](/x)\n")
    (docs / "lost.md").write_text("# Lost\n")
    config: Mapping[str, Any] = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "docs_dir": "docs",
        "nav": [{"Home": "index.md"}],
    }
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config))

    ended = built(tmp_path / "site", tmp_path / "mkdocs.yml")

    assert ended.returncode != 0
    assert [each for each in ("gone.md", "#nowhere", "'/x'", "lost.md") if each not in ended.stderr] == []
    assert ended.stderr.count("WARNING") == 4
