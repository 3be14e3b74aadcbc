"""`python -m deploy ENV`: deploy what was built, protect the stack, examine it, and say what is left to do.

`--review` makes the change set and stops, for a person to look at; `--yes` asks no one, for a pipeline.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.account import session_of
from deploy.section import Environment, NotReadyError, read_section

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".venv-aws" / "bin" / "sam"
RAMPART = Path(sys.executable).with_name("rampart")
ANSWERS_FOR = frozenset({"stack", "functions", "outside", "schedule", "endpoint"})
"""The checks of `rampart doctor` whose problems make a deployment one that failed."""


def sam_arguments(section: Environment, *, review: bool, yes: bool, now: float) -> list[str]:
    """What `sam deploy` is told; everything but the section's own keys, since overrides replace those of the file."""
    release = f"{int(now):x}"  # SAM publishes a version for each new name, of code and layers together
    overrides = [f'{name}="{value}"' for name, value in {**section.parameters, "Release": release}.items()]
    arguments = ["deploy", "--config-env", section.environment, "--region", section.region]
    if review:
        arguments += ["--no-execute-changeset"]
    if review or yes or not section.confirm:
        arguments += ["--no-confirm-changeset"]
    return [*arguments, "--parameter-overrides", *overrides]


def examined(section: Environment) -> list[dict[str, str]]:
    """What `rampart doctor` finds in the deployed stack; raises NotReadyError where it can't look at all."""
    told = subprocess.run(
        [RAMPART, "--region", section.region, "doctor", "--stack", section.stack, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        checks: list[dict[str, str]] = json.loads(told.stdout)["checks"]
    except (ValueError, KeyError) as error:
        raise NotReadyError(f"{section.stack} is deployed, and `rampart doctor` couldn't look at it") from error
    return checks


def is_broken(check: dict[str, str]) -> bool:
    """Whether this deployment doesn't work; what it found there, or a person must do, is told and no more."""
    return check["health"] == "problem" and check["check"] in ANSWERS_FOR


def left_to_do(section: Environment, checks: list[dict[str, str]]) -> Iterator[str]:
    """What a person still has to do, most urgent first."""
    open_ = [each for each in checks if each["health"] != "ok"]
    for each in sorted(open_, key=lambda each: (not is_broken(each), each["check"] != "subscribers")):
        yield f"{'FIX: ' if is_broken(each) else ''}{each['message']}. {each['fix']}"
    yield f"connect Datadog (monitors and webhook): rampart datadog sync plan.yaml --write --stack {section.stack}"
    yield "attach ApproversPolicy and OperatorsPolicy to your people's roles"
    if section.parameters.get("AlertSourceRanges", "0.0.0.0/0") == "0.0.0.0/0":
        yield "set AlertSourceRanges to the ranges that Datadog publishes (docs/security.md)"


def after(section: Environment, session: Any) -> int:  # noqa: ANN401  boto3 makes its classes at run time
    """Protect the stack from deletion, examine it, and say what is left; the exit code."""
    session.client("cloudformation").update_termination_protection(
        StackName=section.stack, EnableTerminationProtection=True
    )
    checks = examined(section)
    print(f"\n{section.stack} is deployed and protected from deletion. rampart doctor:")
    for each in checks:
        print(f"  {each['health']:<8}{each['message']}")
    print("\nLeft to do:")
    for line in left_to_do(section, checks):
        print(f"  - {line}")
    return int(any(map(is_broken, checks)))


def main(arguments: list[str]) -> int:
    environment, *options = arguments
    review, yes = "--review" in options, "--yes" in options
    try:
        section = read_section(environment)
        session = session_of(section)
        done = subprocess.run(
            [SAM, *sam_arguments(section, review=review, yes=yes, now=time.time())], cwd=ROOT, check=False
        )
        return done.returncode if review or done.returncode else after(section, session)
    except NotReadyError as error:
        print(f"Not deployed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
