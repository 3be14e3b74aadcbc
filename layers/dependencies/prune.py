"""Take out of a built layer what no function can reach: nine tenths of the Datadog client, and translations.

The client describes every product of Datadog in 8,000 modules, and Lambda unpacks them all before a cold start.
"""

import ast
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

DATADOG_APIS = (
    "datadog_api_client.v1.api.events_api",
    "datadog_api_client.v1.api.monitors_api",
    "datadog_api_client.v2.api.metrics_api",
)
"""The modules of the Datadog client that functions import, as a test holds them to; the rest follows from these."""


def prune(packages: Path) -> None:
    """Remove the unreachable part of the packages in a folder that `uv pip install --target` has filled."""
    kept = reachable(packages, DATADOG_APIS)
    for file in (packages / "datadog_api_client").rglob("*.py"):
        if file not in kept:
            file.unlink()
    # What is left of the client is not what its record lists; the metadata stays, for the bill of materials.
    for record in packages.glob("datadog_api_client-*.dist-info/RECORD"):
        record.unlink()
    shutil.rmtree(packages / "holidays" / "locale")  # names of holidays in other languages than their country's
    shutil.rmtree(packages / "bin", ignore_errors=True)  # scripts that name the interpreter of this machine
    (packages / ".lock").unlink(missing_ok=True)


def reachable(packages: Path, modules: Iterable[str]) -> set[Path]:
    """List the files that importing `modules` can ever load, imports inside functions included."""
    files: set[Path] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        file = _file(packages, module)
        if file is None or file in files:
            continue
        files.add(file)
        waiting.extend(_imported(file))
        waiting.append(module.rpartition(".")[0])
    return files


def _file(packages: Path, module: str) -> Path | None:
    path = packages.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imported(file: Path) -> Iterator[str]:
    """Name the modules in a file's import statements; a relative one would be missed, and the client has none."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
