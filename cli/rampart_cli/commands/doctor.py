"""`rampart doctor`: whether an installation works, and what to fix where it doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from rampart_cli.console import clean, say, show, words
from rampart_cli.doctor.checks import CHECKS, Health, examine
from rampart_cli.failures import ExitCode
from rampart_cli.options import DEFAULT_STACK, AlertUrl, AsJson, StackName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from rampart_cli.doctor.checks import Examined
    from rampart_cli.stack import Stack

_MARKS = {
    Health.OK: ("✓", "green"),
    Health.WARNING: ("!", "yellow"),
    Health.PROBLEM: ("✗", "bold red"),
    Health.UNKNOWN: ("?", "bold yellow"),
}


def doctor(
    ctx: typer.Context, *, alert_url: AlertUrl = None, stack_name: StackName = DEFAULT_STACK, as_json: AsJson = False
) -> None:
    """Check an installation: AWS, Flipper, Datadog, alerts, notices. Exit code 1 if something is wrong or unknown."""
    stack: Stack = ctx.obj(stack_name)
    say(f"Checking {stack.name} …", as_json=as_json)
    lines = []
    for line in examine(stack.installation(alert_url), stack.now()):
        lines.append(line)
        if not as_json:
            show(None, *_rendered(line), as_json=False)
    bad = [line for line in lines if line.health in (Health.PROBLEM, Health.UNKNOWN)]
    show(
        {"stack": stack.name, "healthy": not bad, "checks": [line.to_dict() for line in lines]},
        Text(),
        words(_verdict(lines, bad), "bold red" if bad else "bold green"),
        as_json=as_json,
    )
    if bad:
        raise typer.Exit(ExitCode.REFUSED)


def _rendered(line: Examined) -> Iterable[RenderableType]:
    mark, style = _MARKS[line.health]
    width = max(map(len, CHECKS))
    yield Text.assemble((f"{mark} ", style), (f"{line.check:<{width}}  ", "dim"), clean(line.told))
    if line.fix:
        yield Text.assemble(" " * (width + 4), ("→ ", "bold"), clean(line.fix))


def _verdict(lines: list[Examined], bad: list[Examined]) -> str:
    if not bad:
        warned = sum(line.health is Health.WARNING for line in lines)
        return "Rampart works." + (f" {warned} {'warning' if warned == 1 else 'warnings'} above." if warned else "")
    wrong = sum(line.health is Health.PROBLEM for line in bad)
    return f"{wrong} wrong, {len(bad) - wrong} couldn't be checked."
