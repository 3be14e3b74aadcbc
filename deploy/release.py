"""`make release`: check version and changelog, build the wheel, and try it where nothing else is installed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import uv

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "events" / "claim-letters.yaml"


class NotReleasedError(Exception):
    """What keeps this state from being released, in sentences."""


def problems_of(version: str, changelog: str, tags: Sequence[str], changed: Sequence[str]) -> Iterator[str]:
    """What is wrong with a release: its version, the changelog, tags that exist, files that aren't committed."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"pyproject.toml: version is {version}; write three numbers, such as 1.2.0."
    newest, _, rest = changelog.partition("\n## ")[2].partition("\n")
    if not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)", newest):
        yield f"CHANGELOG.md: the newest section is '{newest}'; name it '{version} (YEAR-MONTH-DAY)'."
    elif not rest.partition("\n## ")[0].strip():
        yield f"CHANGELOG.md: the section of {version} is empty; say what changed."
    if f"v{version}" in tags:
        yield f"v{version} is tagged already; raise the version in pyproject.toml, and run make lock."
    if changed:
        yield f"{', '.join(changed)}: commit this first."


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder, with the locked hatchling; raises CalledProcessError."""
    ours = ("--no-build-isolation", "--python", sys.executable)
    _run(uv.find_uv_bin(), "build", "--quiet", "--wheel", *ours, "--out-dir", folder, ROOT)
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, *options: str) -> Path:
    """Install a wheel with the lock's releases into an environment of its own, and return where its programs are.

    The lock is a constraint and not the list, so that what the wheel itself doesn't ask for is missing. Raises
    CalledProcessError.
    """
    lock = folder / "lock.txt"
    exported = ("export", "--quiet", "--frozen", "--no-header", "--no-hashes", "--no-emit-project")
    lock.write_text(_run(uv.find_uv_bin(), *exported, "--format=requirements.txt"), encoding="utf-8")
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", folder / "clean")
    programs = folder / "clean" / "bin"
    target = ("--python", programs / "python", "--constraints", lock)
    _run(uv.find_uv_bin(), "pip", "install", "--quiet", *target, *options, wheel)
    return programs


def try_out(programs: Path, version: str) -> None:
    """Run the installed command line far from this project; raises NotReleasedError, CalledProcessError."""
    shown = _run(programs / "rampart", "--version", folder=programs)
    if shown != f"rampart {version}\n":
        raise NotReleasedError(f"the installed command says {shown.strip()}, and not {version}")
    checked = _run(programs / "rampart", "plan", "check", SAMPLE, folder=programs)
    if not checked.startswith("valid "):
        raise NotReleasedError(f"the installed command doesn't check {SAMPLE.name}: {checked.strip()}")


def _run(*command: str | Path, folder: Path = ROOT) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, check=True).stdout


def release() -> Path:
    """Check, build, and try; raises NotReleasedError, CalledProcessError."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    changed = [line[3:] for line in _run("git", "status", "--porcelain").splitlines()]
    found = list(problems_of(version, changelog, _run("git", "tag").split(), changed))
    if found:
        raise NotReleasedError("\n".join(found))
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build_wheel(Path(scratch))
        try_out(install(wheel, Path(scratch)), version)
        (ROOT / "dist").mkdir(exist_ok=True)
        return wheel.rename(ROOT / "dist" / wheel.name)


def main() -> int:
    try:
        wheel = release()
    except NotReleasedError as error:
        print(f"Not released:\n{error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"Not released: {error.cmd[0]} failed.\n{error.stderr}", file=sys.stderr)
        return 1
    version = wheel.name.split("-")[1]
    print(f"{wheel.relative_to(ROOT)}  sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    print(f"It was installed into a clean environment, and ran there. Next: git tag v{version}, and push the tag.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
