"""The unchanged template on the local AWS: built and deployed by the real SAM CLI."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.ministack import INTERPRETER, ROOT, MiniStack

SAM: Final = INTERPRETER.with_name("sam")
BUILD: Final = ROOT / ".rampart" / "build"
_SAM_STATE: Final = ROOT / ".rampart" / "sam"
_LAST_LINES: Final = 25


class SamFailedError(Exception):
    """The SAM CLI ended with an error; the message holds the last lines of what it said."""


def deploy(
    ministack: MiniStack,
    *,
    stack_name: str = "rampart",
    parameters: Mapping[str, str] | None = None,
    template: Path = ROOT / "template.yaml",
) -> dict[str, str]:
    """Build `template` for this machine, deploy it to `ministack`, and return the stack's outputs by name.

    Two runs take turns, since they share the build folder. Raises `SamFailedError`.
    """
    with _alone():
        build(template)
        _sam(
            f"deploy --template-file {BUILD}/template.yaml --stack-name {stack_name} {_DEPLOY_OPTIONS}",
            *_overrides(parameters or {}),
            environment=ministack.environment | {"SAM_CLI_POLL_DELAY": "0.2"},  # seconds; 5 unless told otherwise
            folder=BUILD,
        )
    [stack] = ministack.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def build(template: Path) -> None:
    """Build `template` into `BUILD`, with layers for the interpreter that runs the functions here."""
    _sam(
        f"build --cached --parallel --template-file {template} --build-dir {BUILD} --cache-dir {BUILD}-cache",
        environment=os.environ
        | {
            "RAMPART_LAYER_TARGET": f"--python {INTERPRETER}",
            "RAMPART_LAYER_PYTHON": str(INTERPRETER),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        },
        folder=template.parent,
    )


@contextmanager
def _alone() -> Iterator[None]:
    BUILD.parent.mkdir(parents=True, exist_ok=True)
    with BUILD.with_name("build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    """Write parameters as SAM reads them: quoted, with quotes and backslashes escaped."""
    if not parameters:
        return []
    escaped = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in escaped.items())]


def _sam(command: Sequence[str | Path], environment: Mapping[str, str], *, folder: Path) -> None:
    """Run the SAM CLI in `folder`, without telemetry and without its weekly look for a newer release."""
    _SAM_STATE.mkdir(parents=True, exist_ok=True)
    (_SAM_STATE / "metadata.json").write_text(json.dumps({"lastVersionCheck": 2**32}))
    result = subprocess.run(
        [SAM, *command],
        cwd=folder,
        env=environment | {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(_SAM_STATE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        last_lines = "\n".join(result.stdout.rstrip().splitlines()[-_LAST_LINES:])
        raise SamFailedError(f"`sam {command[0]}` ended with status {result.returncode}:\n{last_lines}")
