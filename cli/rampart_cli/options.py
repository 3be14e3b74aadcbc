"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rampart_cli.completion import complete_rollout

RolloutName = Annotated[
    str,
    typer.Argument(metavar="ROLLOUT", help="The rollout's name, as in its plan.", autocompletion=complete_rollout),
]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="The plan; - reads it from stdin.")]
StackName = Annotated[
    str, typer.Option("--stack", envvar="RAMPART_STACK", metavar="NAME", help="The CloudFormation stack of Rampart.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON on stdout, and nothing else there.")]
By = Annotated[
    str | None,
    typer.Option("--by", envvar="RAMPART_BY", metavar="NAME", help="Who decides; default: your AWS identity."),
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept in the record.")]
RequiredNote = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept in the record. Required.")]
Wait = Annotated[
    bool, typer.Option("--wait/--detach", help="Wait for the outcome, or return once the request is recorded.")
]
Timeout = Annotated[float, typer.Option("--timeout", min=1, metavar="SECONDS", help="Maximum time to wait.")]
Last = Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Only the newest N; default: all.")]
AlertUrl = Annotated[
    str | None,
    typer.Option(
        "--alert-url",
        envvar="RAMPART_ALERT_URL",
        metavar="URL",
        help="Where Datadog posts alerts, if not to the stack's AlertUrl: a domain of your own in front of it.",
    ),
]

DEFAULT_STACK = "rampart"
DEFAULT_TIMEOUT = 300.0
