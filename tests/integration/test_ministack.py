"""AWS on this machine: it answers, two do not see each other, and nothing of it outlives its starter."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import ministack

pytestmark = pytest.mark.skipif(not ministack.INTERPRETER.exists(), reason="no .venv-aws: `make local-tools` makes it")

PATIENCE_SECONDS = 180

STARTER = """
import signal, sys, time
sys.path[:0] = {paths!r}
from local.ministack import running
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
with running() as ministack:
    print(ministack.process_id, ministack.endpoint_url, flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s in vain until {what}"
        time.sleep(0.05)


def living(group: int) -> int:
    """Count the processes of a group that have not ended; one that only waits to be buried has."""
    count = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        count += int(process_group) == group and state != "Z"
    return count


def invoke_a_function_that_sleeps(endpoint_url: str) -> None:
    """Leave a function worker busy for ten minutes."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "import time\ndef lambda_handler(event, context): time.sleep(600)")
    functions = ministack.MiniStack(endpoint_url, Path(), 0, {}).client("lambda")
    functions.create_function(
        FunctionName="sleep",
        Runtime="python3.13",
        Handler="app.lambda_handler",
        Role="arn:aws:iam::000000000000:role/sleep",
        Timeout=900,
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="sleep", WaiterConfig={"Delay": 1})
    functions.invoke(FunctionName="sleep", InvocationType="Event")


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[str]]:
    """A process that starts MiniStack, says which and where, and waits."""
    program = STARTER.format(paths=[str(ministack.ROOT)])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_it_answers_and_takes_its_files_along() -> None:
    with ministack.running() as running:
        identity = running.client("sts").get_caller_identity()
        assert identity["Account"] == "000000000000"

    assert not (running.folder / "tmp").exists()
    assert (running.folder / "ministack.log").exists()


def test_two_run_side_by_side_and_see_nothing_of_each_other() -> None:
    with ministack.running() as one, ministack.running() as other:
        one.client("sqs").create_queue(QueueName="mine")

        assert one.client("sqs").list_queues().get("QueueUrls")
        assert not other.client("sqs").list_queues().get("QueueUrls")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: str(how.name))
def test_ministack_and_its_function_workers_end_with_their_starter(
    starter: subprocess.Popen[str], how: signal.Signals
) -> None:
    assert starter.stdout
    group, endpoint_url = starter.stdout.readline().split()
    invoke_a_function_that_sleeps(endpoint_url)
    wait_until(lambda: living(int(group)) >= 2, "the function's worker runs")

    os.kill(starter.pid, how)

    wait_until(lambda: living(int(group)) == 0, "all processes have ended")


def test_a_client_environment_shows_no_account_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment to the wrong place would be a deployment to a real account."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere")
    with ministack.running() as running:
        environment = running.environment

    assert "AWS_PROFILE" not in environment
    assert {name for name in environment if name.startswith("AWS_ENDPOINT_URL")} == {"AWS_ENDPOINT_URL"}
    assert environment["AWS_ENDPOINT_URL"] == running.endpoint_url
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_ministack_that_does_not_start_is_shown_with_the_end_of_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ministack, "INTERPRETER", Path(sys.executable))  # has no MiniStack

    with pytest.raises(ministack.MiniStackNotStartedError, match="No module named ministack"), ministack.running():
        pass
