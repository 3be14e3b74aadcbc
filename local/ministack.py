"""AWS on this machine: MiniStack as a child process on a free port, with its own folder for as long as it runs."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3

ROOT: Final = Path(__file__).resolve().parents[1]
RUNS: Final = ROOT / ".rampart" / "runs"
INTERPRETER: Final = ROOT / ".venv-aws" / "bin" / "python"
"""Runs MiniStack, and with it every function: layers for the local stack are built for this interpreter."""
REGION: Final = "us-east-1"
_CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # MiniStack's root user
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05


class MiniStackNotStartedError(Exception):
    """MiniStack isn't installed, ended, or didn't answer."""


@dataclass(frozen=True, slots=True)
class MiniStack:
    """A MiniStack that answers at `endpoint_url`; `folder` holds its log and goes with the next run."""

    endpoint_url: str
    folder: Path
    process_id: int
    environment: dict[str, str] = field(repr=False)
    """What a child process needs for its AWS SDK or SAM CLI to talk to this MiniStack and to nothing else."""

    def client(self, service: str) -> Any:  # noqa: ANN401 -- boto3 makes its clients' classes at run time
        """Make a boto3 client of this MiniStack."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs know literals only
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def running(*, enforce_iam: bool = False) -> Iterator[MiniStack]:
    """Start MiniStack, wait until it answers, and kill it and all its function workers at the end.

    They end with this process in any case: on Ctrl-C, on SIGTERM, and when it is killed outright.
    With `enforce_iam`, functions may do only what their roles allow. Raises `MiniStackNotStartedError`.
    """
    if not INTERPRETER.exists():
        raise MiniStackNotStartedError(f"{INTERPRETER.relative_to(ROOT)} is missing: run `make local-tools`")
    _sweep()
    port = free_port()
    folder = RUNS / f"{os.getpid()}-{port}"
    (folder / "tmp").mkdir(parents=True)
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [INTERPRETER, "-P", ROOT / "local" / "leash.py", "ministack"],
            cwd=folder,
            env=_environment_of_ministack(port, folder, enforce_iam=enforce_iam),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    endpoint_url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(process, endpoint_url, folder / "ministack.log")
        yield MiniStack(endpoint_url, folder, process.pid, _environment_of_clients(endpoint_url))
    finally:
        _kill(process)
        shutil.rmtree(folder / "tmp", ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment_of_ministack(port: int, folder: Path, *, enforce_iam: bool) -> dict[str, str]:
    """Build the environment from nothing: function workers inherit it, and must not see the developer's accounts."""
    return _CREDENTIALS | {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": str(enforce_iam).lower(),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Each run is a process of 90 MB here, and a function's own bound doesn't count for its alias.
        "LAMBDA_ACCOUNT_CONCURRENCY": "16",
        "DOCKER_HOST": f"unix://{folder}/no-docker",
    }


def _environment_of_clients(endpoint_url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return (
        inherited
        | _CREDENTIALS
        | {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }
    )


def _wait_until_healthy(process: subprocess.Popen[bytes], endpoint_url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(f"{endpoint_url}/_ministack/health"):
        if process.poll() is not None or time.monotonic() > deadline:
            ended = "did not answer" if process.returncode is None else f"ended with status {process.returncode}"
            last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise MiniStackNotStartedError(f"MiniStack {ended}; the end of {log}:\n{last_lines}")
        time.sleep(_LOOK_SECONDS)


def _answers(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5):
            return True
    except OSError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group at once: MiniStack has nothing to finish."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _sweep() -> None:
    """Remove the folders of runs whose process has ended."""
    for folder in RUNS.glob("*-*"):
        try:
            os.kill(int(folder.name.partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            continue  # not a run, or another user's process
