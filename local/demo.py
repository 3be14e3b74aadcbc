"""The demo: a start is refused while its monitor is muted; then a rollout is rolled back at 50%, and completes."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from local.claim_letters import compressed, scenario
from local.datadog_standin import API_KEY, APP_KEY, MonitorState, Transition
from local.demo_run import COMPLAINTS, Demo, DemoFailedError, Timeline, wait_for
from local.deployment import SamFailedError
from local.ministack import ROOT, MiniStackNotStartedError
from local.muted_guard import REFUSED, refuse_a_muted_guard
from local.stack import LocalStack, running_stack
from rampart.evidence.verdict import Verdict
from rampart.rollout.evaluation import Evaluation
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status

PAGE = ROOT / "events" / "claim-letters.md"
BINDINGS = ROOT / "events" / "bindings.yaml"
OUT = ROOT / ".rampart"
PLAN, QUICK, FILLED, REPORT, SUMMARY = (
    OUT / name
    for name in (
        "claim-letters.yaml",
        "claim-letters-quick.yaml",
        "claim-letters.md",
        "claim-letters.html",
        "demo.json",
    )
)
DOWNLOADS = "Download error rate"
COMPARED = "Download errors next to the old path"
_DOWNLOADED = "sum:vets_api.claim_letters.downloads{{env:eks-prod,provider:{}}}.as_count()"
BROKEN, FIXED = 0.6, 0.02


def rampart(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run the command line as a person does; what it wrote. Raises DemoFailedError with what it said."""
    command = [Path(sys.executable).with_name("rampart"), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise DemoFailedError(f"rampart {arguments[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def imported_plan(console: Console) -> dict[str, Any]:
    """Make a plan from the team's page and its bindings."""
    OUT.mkdir(exist_ok=True)
    rampart("plan", "import", PAGE, "--bindings", BINDINGS, "--out", PLAN)
    plan: dict[str, Any] = yaml.safe_load(PLAN.read_text())
    plan["criteria"][COMPARED] = comparison()
    stages = " → ".join(f"{stage['percent']}%" for stage in plan["stages"])
    console.print(f"Read {PAGE.relative_to(ROOT)}: {stages}, {len(plan['criteria'])} criteria.", style="dim")
    return plan


def comparison() -> dict[str, Any]:
    """The new path against the old one; only told, since seconds of a canary at 1% decide nothing."""
    return {
        "kind": "compare",
        "errors": _DOWNLOADED.format("lighthouse,status:5*"),
        "total": _DOWNLOADED.format("lighthouse"),
        "control_errors": _DOWNLOADED.format("vbms,status:5*"),
        "control_total": _DOWNLOADED.format("vbms"),
        "at_most": "2x",
        "baseline": "2%",
        "up_to": 75,
        "on_fail": "tell",
    }


def write_report(demo: Demo) -> None:
    """Write the results into a copy of the team's page, and a page for people without an account."""
    shutil.copy(PAGE, FILLED)
    rampart("report", demo.rollout, "--into", FILLED, "--html", REPORT, environment=demo.stack.environment)


def wire(stack: LocalStack, console: Console, plan: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Wire the compressed plan in Datadog with one command; the plan with its monitors, and the downloads' monitor."""
    QUICK.write_text(yaml.safe_dump(compressed(plan), sort_keys=False))
    made = sync(stack, "--write")
    console.print(f"rampart datadog sync: made {len(made['changes'])} things in Datadog.", style="dim")
    [downloads] = [int(each["id"]) for each in made["changes"] if each["name"].endswith(f": {DOWNLOADS}")]
    wired: dict[str, Any] = yaml.safe_load(QUICK.read_text())
    return wired, downloads


def sync(stack: LocalStack, *options: str) -> dict[str, Any]:
    """Run `rampart datadog sync`; what it says it did."""
    address = ("--alert-url", stack.alert_url, "--json")
    said = rampart("datadog", "sync", QUICK, *address, *options, environment=stack.environment)
    done: dict[str, Any] = json.loads(said)
    return done


def unwire(stack: LocalStack) -> bool:
    """Run `rampart datadog remove`; whether Datadog holds nothing of Rampart's any more."""
    rampart("datadog", "remove", QUICK, environment=stack.environment)
    state = stack.datadog.state
    return not any((state.monitors.by_id, state.webhooks.hooks, state.webhooks.variables, state.dashboards.by_id))


def check_endpoint(stack: LocalStack, console: Console, monitor_id: int) -> None:
    """Press Datadog's "Test notifications": the endpoint answers, and no flag moves."""
    stack.datadog.notify(monitor_id, Transition.TRIGGERED, test=True)
    stack.datadog.deliverer.wait()
    delivered = [attempt.status for delivery in stack.datadog.deliverer.log for attempt in delivery.attempts]
    if delivered != [200]:
        raise DemoFailedError(f"the webhook's test notification was answered {delivered}, not 200")
    console.print("Datadog's webhook is set up; its test notification was answered 200.", style="dim")


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
    monitors = demo.stack.datadog.state.monitors.by_id
    wait_for("the monitor's recovery", lambda: all(each.state is MonitorState.OK for each in monitors.values()))
    demo.resume(1, "the new API's timeout is fixed")
    for percent in (25, 50, 75, 100):
        demo.approve(demo.asked(percent))
    demo.wait("the end", lambda s: s.status is Status.COMPLETED)


def summary(demo: Demo, failures: list[str], checks: Mapping[str, bool]) -> dict[str, Any]:
    """The run in numbers, and whether everything went as expected."""
    evaluations = list(demo.store.evaluations(demo.rollout))
    path = [event.percent for event in demo.events if event.kind in (EventKind.ADVANCED, EventKind.ROLLED_BACK)]
    rollback = next(event for event in demo.events if event.kind is EventKind.ROLLED_BACK)
    arrived, down = _alert_to_zero(demo)
    checks = {
        **checks,
        "no start with a muted monitor": REFUSED in demo.refusal,
        "percentages": path == [1, 25, 50, 0, 25, 50, 75, 100],
        "rolled back by the alert": rollback.details.get("cause") == "alert",
        "every advance was approved": sum(e.kind is EventKind.DECIDED for e in demo.events) == 6,
        "flag ends at 100%": demo.stack.flipper.percentage(demo.flag) == 100,
        "every evaluation was judged": all(e.verdict is not Verdict.ERROR for e in evaluations),
        "compared with the old path": _compared(evaluations),
        "no tick failed": not failures,
    }
    return {
        "rollout": demo.rollout,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "refused_start": demo.refusal,
        "percentages": path,
        "evaluations": len(evaluations),
        "verdicts": {v.value: sum(e.verdict is v for e in evaluations) for v in Verdict},
        "looks": looks_in_words(evaluations),
        "rollback": {"reason": rollback.details.get("reason"), "by": rollback.by},
        "webhook_to_zero_seconds": round(down - arrived, 3),
        "rollout_seconds": round((demo.events[-1].at - demo.events[0].at).total_seconds(), 1),
        "checks": checks,
        "failures": failures[:5],
        "ok": all(checks.values()),
    }


_LOOKS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "undecided",
    Verdict.NO_DATA: "without data",
    Verdict.ERROR: "couldn't be judged",
}
_TOO_EARLY = "before the first requests of their stage could be judged"


def looks_in_words(evaluations: Iterable[Evaluation]) -> str:
    """How many looks ended how, in order of time; without data isn't a fault before a stage's first judged requests."""
    counted: Counter[str] = Counter()
    judged: set[tuple[int, int]] = set()
    for each in evaluations:
        stage = each.attempt, each.stage
        is_early = each.verdict is Verdict.NO_DATA and stage not in judged
        counted[_TOO_EARLY if is_early else _LOOKS[each.verdict]] += 1
        if each.verdict is not Verdict.NO_DATA:
            judged.add(stage)
    return ", ".join(f"{counted[told]} {told}" for told in (*_LOOKS.values(), _TOO_EARLY) if counted[told])


def _compared(evaluations: Sequence[Evaluation]) -> bool:
    """Whether the new path was measured against the old one after the resume, and never found worse.

    Whether seconds of requests are enough to prove that is chance.
    """
    judged = (each for evaluation in evaluations if evaluation.attempt > 1 for each in evaluation.judgements)
    compared = [each for each in judged if each["name"] == COMPARED and each.get("value") is not None]
    return bool(compared) and all(each["verdict"] != Verdict.FAIL for each in compared)


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
    console.rule("[bold green]Demo passed" if result["ok"] else "[bold red]Demo FAILED")
    console.print("start refused    ", escape(result["refused_start"]), soft_wrap=True, highlight=False)
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
    console.print("evaluations      ", f"{result['evaluations']}: {result['looks']}")
    for name, ok in result["checks"].items():
        if not ok:
            console.print("[bold red]check failed:[/]    ", name)
    for failure in result["failures"]:
        console.print("[red]failure:[/]         ", failure)
    written = (str(path.relative_to(ROOT)) for path in (SUMMARY, FILLED, REPORT))
    console.print("written to       ", *written, soft_wrap=True, highlight=False)


def explain(console: Console, demo: Demo) -> None:
    """Start the plan once more for a person to decide on, print how, and wait for Ctrl-C."""
    again = f"{demo.rollout}-2"
    demo.stack.flipper.set_gates(demo.flag, percentage_of_actors=0)
    demo.stack.start({**demo.plan, "rollout": again}, again)
    lines = [f"export {k}={v}" for k, v in sorted(demo.stack.environment.items()) if k.startswith(("AWS_", "RAMPART"))]
    console.print(f"\n[bold]The stack stays up, and {again} has started.[/] In another terminal:\n", soft_wrap=True)
    commands = [
        f"rampart status {again}",
        f'rampart approve {again} --by "Robin Vale" --reported "{COMPLAINTS}=0"',
        f'rampart rollback {again} --by "Robin Vale" --note "just trying it out"',
    ]
    monitor_id = demo.plan["monitors"][0]
    alert = json.dumps({"transition": "Triggered", "monitor": str(monitor_id), "flags": demo.flag, "title": "by hand"})
    datadog = f"{demo.stack.datadog.url}/api/v1/monitor/{monitor_id}"
    curls = [
        "# mute the monitor that guards it: the status says so, and only an override advances (/unmute undoes it)",
        f"curl -X POST -H 'DD-API-KEY: {API_KEY}' -H 'DD-APPLICATION-KEY: {APP_KEY}' -d '{{}}' {datadog}/mute",
        "# send an alert as Datadog's webhook does: the flag goes to 0%",
        f"curl -H 'X-Rampart-Token: {demo.stack.alert_token}' -d '{alert}' {demo.stack.alert_url}",
    ]
    console.print(
        "\n".join([*lines, "", *(f".venv/bin/{command}" for command in commands), "", *curls]),
        style="cyan",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"\nThe stand-in for Flipper is at {demo.stack.flipper.url}, the one for Datadog at {demo.stack.datadog.url}"
        " (local/STANDINS.md).\nPress Ctrl-C to stop everything.",
        soft_wrap=True,
        highlight=False,
    )
    threading.Event().wait()


def run(console: Console, *, keep: bool) -> int:
    """Run the demo; returns the exit code."""
    plan = imported_plan(console)
    flag = plan["flags"][0]
    SUMMARY.unlink(missing_ok=True)  # a failed run must not leave the last run's success
    began = time.monotonic()
    console.print("Building the template with SAM, deploying it to a local AWS …", style="dim")
    with ExitStack() as ending:
        stack = ending.enter_context(
            running_stack(scenario(), {flag: 0}, tick_seconds=0.5, minute_seconds=1.0, looks_per_minute=60)
        )
        console.print(f"Deployed in {time.monotonic() - began:.0f} s: {len(stack.outputs)} outputs.", style="dim")
        wired, monitor_id = wire(stack, console, plan)
        check_endpoint(stack, console, monitor_id)
        demo = Demo(stack, wired, Timeline(console))
        refuse_a_muted_guard(demo, monitor_id)
        ended, failures = threading.Event(), list[str]()
        threading.Thread(target=tick, args=(stack, ended, failures), daemon=True).start()
        ending.callback(ended.set)
        demo.execution = stack.start(demo.plan, f"{demo.rollout}-demo")
        play(demo)
        kept = {each["action"] for each in sync(stack)["changes"]}
        result = summary(demo, failures, {"a second sync changes nothing": kept == {"keep"}})
        write_report(demo)
        result["seconds"] = round(time.monotonic() - began, 1)
        SUMMARY.write_text(json.dumps(result, indent=2) + "\n")
        show(console, result)
        if keep:
            explain(console, demo)
        elif not unwire(stack):
            raise DemoFailedError("rampart datadog remove left something in Datadog")
        return 0 if result["ok"] else 1


def main() -> int:
    """Entry point of `make demo`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack up and print how to approve by hand")
    keep: bool = parser.parse_args().keep
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it by default
    try:
        return run(console, keep=keep)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    except (DemoFailedError, SamFailedError, MiniStackNotStartedError) as error:
        console.print(f"[bold red]The demo failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        SUMMARY.write_text(json.dumps({"ok": False, "error": str(error)}, indent=2) + "\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
