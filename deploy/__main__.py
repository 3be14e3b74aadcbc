"""`python -m deploy ENV`: deploy what was built, protect the stack, ask it a question, and say what is left to do.

`--review` makes the change set and stops, for a person to look at; `--yes` asks no one, for a pipeline.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from deploy.account import outputs_of, session_of, stack_of
from deploy.section import Environment, NotReadyError, read_section

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".venv-aws" / "bin" / "sam"


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


def left_to_do(section: Environment, outputs: dict[str, str], confirmed: int, smoke: str) -> Iterator[str]:
    """What a person still has to do, most urgent first."""
    if smoke:
        yield f"FIX: {smoke}"
    if not confirmed:
        yield (
            f"CONFIRM A SUBSCRIBER: no one is told anything. Open the mail to {section.parameters['NoticeEmail']}"
            if section.parameters.get("NoticeEmail")
            else f"SUBSCRIBE SOMEONE: no one is told. Set NoticeEmail, or subscribe to {outputs['PageTopicArn']}"
        )
    yield f"connect Datadog: rampart datadog sync plan.yaml --write --stack {section.stack}"
    yield "attach ApproversPolicy and OperatorsPolicy to your people's roles"
    if section.parameters.get("AlertSourceRanges", "0.0.0.0/0") == "0.0.0.0/0":
        yield "set AlertSourceRanges to the ranges that Datadog publishes (docs/security.md)"


def smoke_of(url: str) -> str:
    """What is wrong with the endpoint; it must refuse a call without a token. Empty where nothing is."""
    try:
        answer = requests.post(url, json={}, timeout=30)
    except requests.RequestException as error:
        return f"the alert endpoint can't be reached from here ({type(error).__name__}): {url}"
    if answer.status_code == 403:
        return ""  # its source ranges leave this machine out
    return (
        ""
        if answer.status_code == 401
        else f"the alert endpoint answers {answer.status_code} to a call without a token"
    )


def after(section: Environment, session: Any) -> int:  # noqa: ANN401  boto3 makes its classes at run time
    """Protect the stack from deletion, ask it, and say what is left; the exit code."""
    stack = stack_of(section.stack, session)
    if stack is None:
        raise NotReadyError(f"there is no stack {section.stack} although it was deployed")
    session.client("cloudformation").update_termination_protection(
        StackName=section.stack, EnableTerminationProtection=True
    )
    outputs = outputs_of(stack)
    topic = session.client("sns").get_topic_attributes(TopicArn=outputs["PageTopicArn"])["Attributes"]
    smoke = smoke_of(outputs["AlertUrl"])
    print(f"\n{section.stack} is deployed and protected from deletion. Left to do:")
    for line in left_to_do(section, outputs, int(topic.get("SubscriptionsConfirmed", "0")), smoke):
        print(f"  - {line}")
    return 1 if smoke else 0


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
