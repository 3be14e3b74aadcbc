"""How long people wait for a command: `make bench-commands`.

Each command runs as a person runs it, in a process of its own: five times after one that warms caches up, of which the
fastest counts. What reads a rollout reads one of 1,500 looks from a local AWS on this machine; a real one adds its
round trips. The clock depends on the machine and on what else runs there; the processor's seconds hardly on the latter,
and the last column, how many times those of a bare Python they are, on neither.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.tables import table
from local import ministack
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.evidence.series import Measured, Series
from rampart.rollout.advance import Advance
from rampart.rollout.evaluate import Evaluate
from rampart.rollout.prepare import Prepare
from tests.doubles import FixedClock, MemoryFlagStore, MemoryGates, MemoryRollbackQueue, ScriptedMetricSource
from tests.table import create_table

ROOT = Path(__file__).parents[1]
RUNS = 5
LOOKS = 1500
_EVENTS = ROOT / "events"
_EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:rampart-rollout:first"
_TABLE = "rampart"

ALONE = (
    "--version",
    "--help",
    "status --help",
    f"plan check {_EVENTS / 'claim-letters.yaml'}",
    f"plan import {_EVENTS / 'claim-letters.md'}",
    f"plan suggest {_EVENTS / 'claim-letters.yaml'}",
    f"plan simulate {_EVENTS / 'claim-letters.yaml'}",
    f"plan simulate {_EVENTS / 'claim-letters-by-provider.yaml'}",
)
"""Commands that ask no one."""
READS = (
    "list",
    "status",
    "explain letters",
    "events letters",
    "evaluations letters --last 3",
    "evaluations letters --replay",
    "report letters",
    "report letters --html {folder}/letters.html",
)
"""Commands that read the rollout."""

_STACK = {
    "Resources": {name: {"Type": "AWS::SNS::Topic"} for name in ("PageTopic", "ActTopic", "KnowTopic")},
    "Outputs": {
        "TableName": {"Value": _TABLE},
        "RolloutMachine": {"Value": "arn:aws:states:us-east-1:000000000000:stateMachine:rampart-rollout"},
        "DecisionMachine": {"Value": "arn:aws:states:us-east-1:000000000000:stateMachine:rampart-decision"},
        **{f"{name}Arn": {"Value": {"Ref": name}} for name in ("PageTopic", "ActTopic", "KnowTopic")},
    },
}
"""As much of the product's stack as the commands ask for."""


def record_looks(store: DynamoRolloutStore, looks: int) -> None:
    """A live rollout in its first stage, looked at so many times: the real use cases, with a stand-in for the rest."""
    clock = FixedClock(datetime(2026, 3, 10, 14, 0, tzinfo=UTC))
    flags, gates, queue = MemoryFlagStore.at(letters_api=0), MemoryGates(), MemoryRollbackQueue()
    metrics = ScriptedMetricSource({"errors/errors": _steady(1), "errors/total": _steady(400)})
    every = timedelta(minutes=5)
    rate = {"kind": "rate", "errors": "e", "total": "t", "below": "2%", "scope": "cohort", "clump": 1}
    plan = {
        "rollout": "letters",
        "owner": "bench",
        "flags": ["letters_api"],
        "timezone": "UTC",
        "criteria": {"errors": rate},
        "look_every": "5m",
        "stages": [{"percent": 25, "hold": "30d"}, {"percent": 100, "hold": "1d"}],
    }
    Prepare(store=store, flags=flags, metrics=metrics, clock=clock)(plan, _EXECUTION)
    Advance(store=store, flags=flags, metrics=metrics, clock=clock)(
        rollout="letters", attempt=1, execution=_EXECUTION, gate=None
    )
    gates.running.add(_EXECUTION)
    look = Evaluate(store=store, flags=flags, metrics=metrics, gates=gates, rollback=queue, clock=clock)
    for _ in range(looks):
        clock.move(every)
        look("letters")


def _steady(each: float) -> Callable[[int, int, int], Measured]:
    return lambda start, end, bucket: Series(tuple((at, each) for at in range(start, end, bucket)))


def seconds(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[float, float]:
    """How long a command takes at best, on the clock and on the processor; raises CalledProcessError if it fails."""
    clock, processor = [], []
    for _ in range(RUNS + 1):
        began, used = time.perf_counter(), _used()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        clock.append(time.perf_counter() - began)
        processor.append(_used() - used)
    return min(clock[1:]), min(processor[1:])


def _used() -> float:
    """Processor seconds of the processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(environment: Mapping[str, str], folder: str) -> Iterator[tuple[str, str, str, str]]:
    """A row for each command."""
    clock, bare = seconds([sys.executable, "-c", "pass"], environment)
    yield "`python -c pass`", f"{clock:.2f}", f"{bare:.2f}", "1"
    rampart = Path(sys.executable).with_name("rampart")
    for line in (*ALONE, *READS):
        clock, processor = seconds([rampart, *line.format(folder=folder).split()], environment)
        shown = line.replace(f"{_EVENTS}/", "").replace("{folder}/", "")
        yield f"`rampart {shown}`", f"{clock:.2f}", f"{processor:.2f}", f"{processor / bare:.0f}"


def main() -> None:
    """Print the table of the docs."""
    with ministack.running() as aws, TemporaryDirectory() as folder:
        create_table(aws.client("dynamodb"), _TABLE)
        aws.client("cloudformation").create_stack(StackName="rampart", TemplateBody=json.dumps(_STACK))
        record_looks(DynamoRolloutStore(_TABLE, aws.client("dynamodb")), int(sys.argv[1]) if sys.argv[1:] else LOOKS)
        # Bytecode is what an installed command has.
        environment = {name: value for name, value in aws.environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
        table(("command", "seconds", "of the processor", "times a bare Python"), measured(environment, folder))


if __name__ == "__main__":
    main()
