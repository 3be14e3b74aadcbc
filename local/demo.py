"""The demo: a claim-letters rollout goes up, is stopped by an alert at 50%, is resumed and completes, in seconds."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from local.claim_letters import compressed, scenario
from local.datadog_standin import MonitorState, Transition
from local.deployment import SamFailedError
from local.ministack import ROOT, MiniStackNotStartedError
from local.muted_guard import refused_start
from local.stack import LocalStack, monitor, running_stack, webhook
from rampart.adapters.dynamodb import DynamoRolloutStore
from rampart.evidence.verdict import Verdict
from rampart.rollout.state import DOWN, Event, EventKind, GateKind, RolloutState, Status

PAGE = ROOT / "events" / "claim-letters.md"
BINDINGS = ROOT / "events" / "bindings.yaml"
OUT = ROOT / ".rampart"
PLAN, FILLED, REPORT, SUMMARY = (
    OUT / name for name in ("claim-letters.yaml", "claim-letters.md", "claim-letters.html", "demo.json")
)
DOWNLOADS, COMPLAINTS = "Download error rate", "Call centre complaints"
WEBHOOK = "rampart-claim-letters"
BROKEN, FIXED = 0.6, 0.02
_PATIENCE = 90.0
"""Seconds that one step may take before the demo gives up."""


class DemoFailedError(Exception):
    """Something was not as it should be."""


@dataclass
class Timeline:
    """What a person sees: one line for each thing that happens."""

    console: Console
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str, style: str = "") -> None:
        """Print a line with the seconds since the rollout began."""
        since = f"[dim]{time.monotonic() - self.started:6.1f}s[/]"
        self.console.print(f"{since}  {escape(text)}", style=style, highlight=False, soft_wrap=True)


_STYLES = {
    EventKind.ROLLED_BACK: "bold red",
    EventKind.ROLLING_BACK: "red",
    EventKind.COMPLETED: "bold green",
    EventKind.ADVANCED: "bold",
    EventKind.DECIDED: "cyan",
    EventKind.RESUMED: "cyan",
    EventKind.ASKED: "yellow",
}


@dataclass
class Demo:
    """One run: the stack, the plan, and everything that was seen."""

    stack: LocalStack
    plan: dict[str, Any]
    timeline: Timeline
    events: list[Event] = field(default_factory=list)
    execution: str = ""
    """The start's, by its ARN."""

    @property
    def rollout(self) -> str:
        """The rollout's id."""
        return str(self.plan["rollout"])

    @property
    def flag(self) -> str:
        """The flag that moves."""
        return str(self.plan["flags"][0])

    def __post_init__(self) -> None:
        self.store = DynamoRolloutStore(self.stack.outputs["TableName"], self.stack.ministack.client("dynamodb"))

    def state(self) -> RolloutState | None:
        """The record; tells of every event that is new."""
        for event in list(self.store.events(self.rollout).values())[len(self.events) :]:
            self.events.append(event)
            self._tell(event)
        return self.store.state(self.rollout)

    def _tell(self, event: Event) -> None:
        percent = self.stack.flipper.percentage(self.flag)
        who = "" if event.by == "rampart" or event.by in event.message else f" (by {event.by})"
        message = event.message
        if event.kind is EventKind.VERDICT_CHANGED and message.startswith(Verdict.PASS.value):
            message = Verdict.PASS.value  # the numbers follow where people are asked
        text = f"{percent:>4g}%  {event.kind.value.replace('_', ' '):<16} {message}{who}"
        self.timeline.say(text, _STYLES.get(event.kind, ""))

    def wait(self, what: str, until: Callable[[RolloutState], bool], *, while_down: bool = False) -> RolloutState:
        """Wait until the record is as expected; raises DemoFailedError when it does not become so.

        A rollback that nobody waits for ends the wait at once, unless it goes on `while_down`.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            state = self.state()
            if state is not None and until(state):
                return state
            if state is not None and state.status in DOWN and not while_down:
                raise DemoFailedError(f"waited for {what}; {_shown(state)}: {self.events[-1].message}")
            self._check_start(state)
            time.sleep(0.1)
        raise DemoFailedError(f"waited {_PATIENCE:g} s in vain for {what}; {_shown(state)}")

    def _check_start(self, state: RolloutState | None) -> None:
        if state is None:
            ended = self.stack.machines.describe_execution(executionArn=self.execution)
            if ended["status"] == "FAILED":
                raise DemoFailedError(f"the start failed: {ended.get('error')}: {ended.get('cause')}")

    def asked(self, percent: float) -> RolloutState:
        """Wait until people are asked at `percent`, and show the evidence as numbers."""
        state = self.wait(
            f"the approval gate at {percent:g}%",
            lambda s: s.percent == percent and s.gate is not None and s.gate.kind is GateKind.APPROVAL,
        )
        if state.latest is not None:
            for message in state.latest.messages.values():
                self.timeline.say(f"       evidence         {message}", "dim")
        return state

    def approve(self, state: RolloutState) -> None:
        """Approve as a person does: start `decision` with the gate's id."""
        self._decide(
            decision="approve",
            gate=state.gate.id if state.gate else "",
            by="Robin Vale",
            reported={COMPLAINTS: 0},
        )

    def resume(self, stage: int, note: str) -> None:
        """Resume as a person does, and wait until the new attempt has begun."""
        self._decide(decision="resume", stage=stage, by="Robin Vale", note=note)
        self.wait("the new attempt", lambda s: s.status is Status.LIVE, while_down=True)

    def _decide(self, **decision: Any) -> None:  # noqa: ANN401  a decision's fields are JSON
        ended = self.stack.decide(rollout=self.rollout, **decision)
        if ended["status"] != "SUCCEEDED":
            raise DemoFailedError(f"the decision was refused: {ended.get('error')}: {ended.get('cause')}")


def _shown(state: RolloutState | None) -> str:
    """The record in a few words; it holds a task token, which is nobody's to see."""
    return "there is no record" if state is None else f"the record says {state.status.value} at {state.percent:g}%"


def rampart(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
    """Run the command line as a person does; raises DemoFailedError with what it said."""
    command = [Path(sys.executable).with_name("rampart"), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise DemoFailedError(f"rampart {arguments[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")


def imported_plan(console: Console) -> dict[str, Any]:
    """Make a plan of the team's page and its bindings."""
    OUT.mkdir(exist_ok=True)
    rampart("plan", "import", PAGE, "--bindings", BINDINGS, "--out", PLAN)
    plan: dict[str, Any] = yaml.safe_load(PLAN.read_text())
    stages = " → ".join(f"{stage['percent']}%" for stage in plan["stages"])
    console.print(f"Read {PAGE.relative_to(ROOT)}: {stages}, {len(plan['criteria'])} criteria.", style="dim")
    return plan


def write_report(demo: Demo) -> None:
    """Write the results into a copy of the team's page, and a page for people without an account."""
    shutil.copy(PAGE, FILLED)
    rampart("report", demo.rollout, "--into", FILLED, "--html", REPORT, environment=demo.stack.environment)


def check_endpoint(stack: LocalStack, console: Console, monitor_id: int) -> None:
    """Press Datadog's "Test notifications": the endpoint answers, and no flag moves."""
    stack.datadog.notify(monitor_id, Transition.TRIGGERED, test=True)
    stack.datadog.deliverer.wait()
    delivered = [attempt.status for delivery in stack.datadog.deliverer.log for attempt in delivery.attempts]
    if delivered != [200]:
        raise DemoFailedError(f"the webhook's test notification was answered {delivered}, not 200")
    console.print("Datadog's webhook is set up; its test notification was answered 200.", style="dim")


def refuse_beside_a_muted_monitor(demo: Demo, monitor_id: int) -> None:
    """A guard that cannot speak is said so: silence is not health."""
    demo.timeline.say("       (somebody muted the monitor that guards this rollout)", "magenta")
    refusal = refused_start(demo.stack, demo.plan, monitor_id)
    if not refusal or demo.stack.flipper.percentage(demo.flag) != 0:
        raise DemoFailedError("a start beside a muted monitor was not refused")
    demo.timeline.say(f"   0%  start refused    {refusal}", "yellow")
    demo.timeline.say("       (it's unmuted)", "magenta")


def tick(stack: LocalStack, ended: threading.Event, failures: list[str]) -> None:
    """Evaluate every second, as the schedule does every minute."""
    while not ended.wait(1.0):
        try:
            stack.evaluate()
        except (RuntimeError, OSError, BotoCoreError, ClientError) as error:
            failures.append(str(error))


def play(demo: Demo) -> None:
    """The story: up to 50%, broken, rolled back by the monitor's webhook, fixed, resumed at 25%, up to 100%."""
    for percent in (1, 25):
        demo.approve(demo.asked(percent))
    demo.wait("50%", lambda s: s.percent == 50)
    demo.timeline.say(f"       (now the new path fails in {BROKEN:.0%} of downloads)", "magenta")
    demo.stack.datadog.change("download", new_error_rate=BROKEN)
    demo.wait("the rollback", lambda s: s.status is Status.ROLLED_BACK, while_down=True)
    demo.timeline.say("       (the fault is fixed; Datadog's monitor recovers)", "magenta")
    demo.stack.datadog.change("download", new_error_rate=FIXED)
    _wait_for(lambda: all(m.state is MonitorState.OK for m in demo.stack.datadog.state.monitors.by_id.values()))
    demo.resume(1, "the new API's time-out is fixed")
    for percent in (25, 50, 75, 100):
        demo.approve(demo.asked(percent))
    demo.wait("the end", lambda s: s.status is Status.COMPLETED)
    demo.state()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError("the monitor did not recover")
        time.sleep(0.1)


def summary(demo: Demo, failures: list[str]) -> dict[str, Any]:
    """What the run was, in numbers, and whether everything was as it should be."""
    evaluations = list(demo.store.evaluations(demo.rollout))
    path = [event.percent for event in demo.events if event.kind in (EventKind.ADVANCED, EventKind.ROLLED_BACK)]
    rollback = next(event for event in demo.events if event.kind is EventKind.ROLLED_BACK)
    arrived, down = _alert_to_zero(demo)
    checks = {
        "percentages": path == [1, 25, 50, 0, 25, 50, 75, 100],
        "rolled back by the alert": rollback.details.get("cause") == "alert",
        "every advance was approved": sum(e.kind is EventKind.DECIDED for e in demo.events) == 6,
        "flag ends at 100%": demo.stack.flipper.percentage(demo.flag) == 100,
        "every evaluation was judged": all(e.verdict is not Verdict.ERROR for e in evaluations),
        "no tick failed": not failures,
    }
    return {
        "rollout": demo.rollout,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "percentages": path,
        "evaluations": len(evaluations),
        "verdicts": {v.value: sum(e.verdict is v for e in evaluations) for v in Verdict},
        "rollback": {"reason": rollback.details.get("reason"), "by": rollback.by},
        "webhook_to_zero_seconds": round(down - arrived, 3),
        "rollout_seconds": round(time.monotonic() - demo.timeline.started, 1),
        "checks": checks,
        "failures": failures[:5],
        "ok": all(checks.values()),
    }


def _alert_to_zero(demo: Demo) -> tuple[float, float]:
    """When the webhook was first sent, and when the flag was read back at 0% after that (epoch seconds)."""
    deliveries = [d for d in demo.stack.datadog.deliverer.log if "[TEST]" not in d.payload]
    sent = min(attempt.at for delivery in deliveries for attempt in delivery.attempts)
    written = next(write["at"] for write in demo.stack.flipper.state.writes if write["at"] >= sent)
    read = next(
        float(request["at"])
        for request in demo.stack.flipper.requests
        if request["at"] >= written and request["method"] == "GET" and demo.flag in request["path"]
    )
    return sent, read


def show(console: Console, result: Mapping[str, Any]) -> None:
    """Print the summary for a person."""
    console.print()
    console.rule("[bold green]as it should be" if result["ok"] else "[bold red]NOT as it should be")
    console.print("percentages      ", " → ".join(f"{p:g}%" for p in result["percentages"]))
    console.print(
        "rolled back by   ",
        result["rollback"]["by"],
        "-",
        result["rollback"]["reason"],
        soft_wrap=True,
        highlight=False,
    )
    console.print("webhook to 0%    ", f"{result['webhook_to_zero_seconds']:.2f} s, flag written and read back")
    verdicts = ", ".join(f"{n} {name}" for name, n in result["verdicts"].items() if n)
    console.print("evaluations      ", f"{result['evaluations']} ({verdicts})")
    for name, ok in result["checks"].items():
        if not ok:
            console.print("[bold red]not so:[/]          ", name)
    for failure in result["failures"]:
        console.print("[red]failure:[/]         ", failure)
    written = (str(path.relative_to(ROOT)) for path in (SUMMARY, FILLED, REPORT))
    console.print("written to       ", *written, soft_wrap=True, highlight=False)


def explain(console: Console, demo: Demo) -> None:
    """Start the plan once more for a person to decide on, say how, and wait for Ctrl-C."""
    again = f"{demo.rollout}-2"
    demo.stack.flipper.set_gates(demo.flag, percentage_of_actors=0)
    demo.stack.start({**demo.plan, "rollout": again}, again)
    lines = [f"export {k}={v}" for k, v in sorted(demo.stack.environment.items()) if k.startswith(("AWS_", "RAMPART"))]
    console.print(f"\n[bold]The stack stays up, and {again} has started.[/] In another terminal:\n")
    commands = [
        f"rampart status {again}",
        f'rampart approve {again} --by "Robin Vale" --reported "{COMPLAINTS}=0"',
        f'rampart rollback {again} --by "Robin Vale" --note "only a try"',
    ]
    alert = json.dumps({"transition": "Triggered", "monitor": "1", "flags": demo.flag, "title": "by hand"})
    curl = f"curl -H 'X-Rampart-Token: {demo.stack.alert_token}' -d '{alert}' {demo.stack.alert_url}"
    console.print(
        "\n".join([*lines, "", *(f".venv/bin/{command}" for command in commands), "", curl]),
        style="cyan",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"\nFlipper plays at {demo.stack.flipper.url}, Datadog at {demo.stack.datadog.url} (local/STANDINS.md).\n"
        "Ctrl-C ends everything.",
        highlight=False,
    )
    threading.Event().wait()


def run(console: Console, *, keep: bool) -> int:
    """Play the demo; the exit code."""
    plan = imported_plan(console)
    flag = plan["flags"][0]
    SUMMARY.unlink(missing_ok=True)  # a run that fails must not leave the good news of the one before
    began = time.monotonic()
    console.print("Building the template with SAM, deploying it to a local AWS …", style="dim")
    with ExitStack() as ending:
        stack = ending.enter_context(running_stack(scenario(), {flag: 0}, tick_seconds=0.5, looks_per_minute=60))
        console.print(f"Deployed in {time.monotonic() - began:.0f} s: {len(stack.outputs)} outputs.", style="dim")
        webhook(stack, WEBHOOK, flag)
        errors, total = (plan["criteria"][DOWNLOADS][part] for part in ("errors", "total"))
        monitor_id = monitor(stack, f"sum(last_3s):( {errors} / {total} ) * 100 > 8", DOWNLOADS, WEBHOOK)
        check_endpoint(stack, console, monitor_id)
        demo = Demo(stack, compressed(plan, monitor_id), Timeline(console))
        refuse_beside_a_muted_monitor(demo, monitor_id)
        ended, failures = threading.Event(), list[str]()
        threading.Thread(target=tick, args=(stack, ended, failures), daemon=True).start()
        ending.callback(ended.set)
        demo.execution = stack.start(demo.plan, f"{demo.rollout}-demo")
        play(demo)
        result = summary(demo, failures)
        write_report(demo)
        result["seconds"] = round(time.monotonic() - began, 1)
        SUMMARY.write_text(json.dumps(result, indent=2) + "\n")
        show(console, result)
        if keep:
            explain(console, demo)
        return 0 if result["ok"] else 1


def main() -> int:
    """Entry point of `make demo`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack up and say how to approve by hand")
    keep: bool = parser.parse_args().keep
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
    try:
        return run(console, keep=keep)
    except KeyboardInterrupt:
        console.print("\nended")
        return 130
    except (DemoFailedError, SamFailedError, MiniStackNotStartedError) as error:
        console.print(f"[bold red]The demo failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        SUMMARY.write_text(json.dumps({"ok": False, "error": str(error)}, indent=2) + "\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
