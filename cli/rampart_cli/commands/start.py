"""`rampart start`: begin a rollout of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rampart_cli.console import say, show, stderr, words
from rampart_cli.failures import InputError
from rampart_cli.findings import rendered_all
from rampart_cli.options import DEFAULT_STACK, DEFAULT_TIMEOUT, AlertUrl, AsJson, PlanFile, StackName, Timeout, Wait
from rampart_cli.plan_file import read_plan
from rampart_cli.starting import start_rollout, wait_for_first_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rampart.finding import Finding
    from rampart.plan.model import Plan
    from rampart_cli.stack import Stack


def start(
    ctx: typer.Context,
    plan_file: PlanFile,
    *,
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    alert_url: AlertUrl = None,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """Start a rollout of a plan. Repeating the command with the same plan doesn't start it twice."""
    written = read_plan(plan_file)
    document, plan = written.document, written.plan
    if plan.rollout != document.get("rollout"):
        raise InputError(f"the rollout's name {document.get('rollout')!r} has spaces round it")
    stack = ctx.obj(stack_name)
    unwired = list(_unwired(stack, plan, alert_url))
    for each in () if as_json else rendered_all(unwired):
        stderr().print(each, soft_wrap=True)
    begun = start_rollout(stack, document, plan)
    shown = {
        "rollout": plan.rollout,
        "execution": begun.execution,
        "repeated": begun.repeated,
        "plan_hash": plan.digest,
        "warnings": [each.to_wire() for each in unwired],
    }
    asked = f"{plan.rollout} was requested before" if begun.repeated else f"{plan.rollout} is requested"
    told = words(f"{asked}; it starts once every check passes. Check status: rampart status {plan.rollout}")
    if wait:
        say(f"{asked}; waiting until the flag is at the first stage …", as_json=as_json)
        state = wait_for_first_stage(stack, plan.rollout, begun.execution, timeout, as_json=as_json)
        shown |= {"stage": state.stage, "percent": state.percent, "attempt": state.attempt}
        told = words(f"{', '.join(plan.flags)} is {state.at} (verified)", "green")
    show(shown, told, as_json=as_json)


def _unwired(stack: Stack, plan: Plan, alert_url: str | None) -> Iterator[Finding]:
    from rampart_cli.datadog.wiring import wiring_told

    return wiring_told(stack.datadog, plan, alert_url)
