"""The wheel, its declared dependencies, and the locks: all say the same, and a clean environment can run them."""

import ast
import os
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import uv

from deploy.release import NotReleasedError, build_wheel, install, problems_of, try_out

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {"rampart": ROOT / "layers/rampart/rampart", "rampart_cli": ROOT / "cli/rampart_cli"}
COMES_WITH = {"botocore": "boto3", "pydantic-core": "pydantic"}
"""Packages that never come without the one that is declared."""


def done(*command: str | Path, cwd: Path = ROOT) -> str:
    bare = {name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run(command, cwd=cwd, env=bare, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def locked(*options: str) -> str:
    return done(uv.find_uv_bin(), "export", "--quiet", "--frozen", "--no-header", "--format=requirements.txt", *options)


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}

    files = {
        f"{package}/{file.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert shipped == files
    assert shipped >= {"rampart/py.typed", "rampart_cli/py.typed", "rampart_cli/report/page.css"}


EVERY_MODULE = """
import importlib, pkgutil, rampart, rampart_cli
for package in (rampart, rampart_cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""


def test_the_wheel_runs_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    """It asks for the lock's releases, which `make dev` has left in uv's cache; otherwise an index must be reached."""
    try:
        programs = install(wheel, tmp_path, "--offline")
    except subprocess.CalledProcessError:
        try:
            programs = install(wheel, tmp_path)
        except subprocess.CalledProcessError as error:
            if "Failed to fetch" not in error.stderr:
                raise
            pytest.skip("no package index can be reached, and uv's cache does not hold what the wheel needs")

    done(programs / "python", "-c", EVERY_MODULE, cwd=tmp_path)
    try_out(programs, PROJECT["project"]["version"])
    with pytest.raises(NotReleasedError, match=r"and not 9\.9\.9"):
        try_out(programs, "9.9.9")


CHANGELOG = "# Changelog\n\n## 1.2.0 (2026-11-28)\n\n- A change.\n\n## 1.1.0 (2026-10-01)\n\n- Another.\n"


def test_a_release_whose_version_and_changelog_agree_has_no_problem() -> None:
    assert list(problems_of("1.2.0", CHANGELOG, ["v1.1.0"], [])) == []


@pytest.mark.parametrize(
    ("version", "changelog", "tags", "changed", "problem"),
    [
        ("1.2", CHANGELOG.replace("1.2.0", "1.2"), [], [], "write three numbers"),
        ("1.3.0", CHANGELOG, [], [], "name it '1.3.0 (YEAR-MONTH-DAY)'"),
        ("1.2.0", CHANGELOG.replace("1.2.0 (2026-11-28)", "Unreleased"), [], [], "the newest section is 'Unreleased'"),
        ("1.2.0", CHANGELOG.replace("- A change.\n", ""), [], [], "the section of 1.2.0 is empty"),
        ("1.2.0", CHANGELOG, ["v1.2.0"], [], "is tagged already"),
        ("1.2.0", CHANGELOG, [], ["README.md"], "README.md: commit this first"),
    ],
)
def test_a_release_that_is_not_ready_says_what_to_do(
    version: str, changelog: str, tags: list[str], changed: list[str], problem: str
) -> None:
    [found] = problems_of(version, changelog, tags, changed)
    assert problem in found


def test_what_is_declared_is_what_the_packages_import() -> None:
    imported = {name for folder in PACKAGES.values() for name in distributions(folder)}

    assert imported == names(PROJECT["project"]["dependencies"])


def test_lambda_gets_what_the_functions_and_their_layer_import_beyond_boto3() -> None:
    imported = {name for folder in (PACKAGES["rampart"], ROOT / "functions") for name in distributions(folder)}
    group = PROJECT["dependency-groups"]["lambda"]

    assert imported - {"boto3"} == names(group)
    assert [need for need in group if need not in PROJECT["project"]["dependencies"]] == ["aws-lambda-powertools>=3.20"]


def distributions(folder: Path) -> Iterator[str]:
    """Name the distributions whose modules a folder imports when it runs, not when it is type-checked."""
    # Where a machine has no database of zones, the standard library's `zoneinfo` reads this package.
    providers = {**packages_distributions(), "zoneinfo": ["tzdata"]}
    for file in folder.rglob("*.py"):
        for module in modules(ast.parse(file.read_text())):
            for provider in providers.get(module, []):
                name = provider.lower().replace("_", "-")
                if name != "rampart":
                    yield COMES_WITH.get(name, name)


def modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from modules(child)


def names(needs: list[str]) -> set[str]:
    return {need.partition(">")[0].lower() for need in needs}


def test_the_lock_is_of_this_project_and_names_the_public_index_alone() -> None:
    done(uv.find_uv_bin(), "lock", "--check", "--offline", "--quiet")
    lock = tomllib.loads((ROOT / "uv.lock").read_text())

    sources = {package["source"].get("registry") for package in lock["package"] if package["name"] != "rampart"}
    files = [file for package in lock["package"] for file in [*package.get("wheels", []), package.get("sdist")] if file]

    assert sources == {"https://pypi.org/simple"}
    assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files)
    assert all(file["hash"].startswith("sha256:") for file in files)


@pytest.mark.parametrize(
    ("group", "file"), [("uv", "requirements/uv.txt"), ("lambda", "layers/dependencies/requirements.txt")]
)
def test_what_pip_and_lambda_get_is_what_the_lock_says(group: str, file: str) -> None:
    assert (ROOT / file).read_text() == locked("--only-group", group)
