"""`rampart plan new`: a plan from the answers to a few questions, or from options where no one can be asked."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from pydantic import ValidationError

from rampart.plan.model import Finish, Plan
from rampart.plan.problems import problems_of
from rampart.plan.quantities import parse_fraction, parse_traffic
from rampart.words import counted, percentage, short_duration
from rampart_cli.console import say, show, words
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.findings import Source
from rampart_cli.forecast.plan_warnings import rate_criteria
from rampart_cli.options import AsJson
from rampart_cli.staircase import suggest
from rampart_cli.strict_yaml import PlainLoader, read_yaml
from rampart_cli.written_yaml import SCHEMA_LINE, yaml_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_USUAL = (("1%", "1d"), ("25%", "1d"), ("100%", "1w"))
"""The stages where the traffic is unknown, or too little to decide anything."""


def plan_new(
    *,
    flag: Annotated[
        list[str] | None, typer.Option("--flag", metavar="FLAG", help="The flag, as Flipper names it; may be repeated.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="ROLLOUT", help="The rollout's id; default: made from the flag.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="TEAM", help="The team that answers for it.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="The team's zone; default: America/New_York.")
    ] = None,
    traffic: Annotated[
        str | None, typer.Option("--traffic", metavar="REQUESTS", help="Requests at 100%, such as 400/hour.")
    ] = None,
    errors: Annotated[
        str | None, typer.Option("--errors", metavar="QUERY", help="The query that counts failed requests.")
    ] = None,
    total: Annotated[
        str | None, typer.Option("--total", metavar="QUERY", help="The query that counts all requests.")
    ] = None,
    below: Annotated[
        str | None, typer.Option("--below", metavar="PERCENT", help="The bar for the error rate; default: 1%.")
    ] = None,
    finish: Annotated[
        str | None, typer.Option("--finish", metavar="END", help="At the end: leave at 100% of actors, or fully_on.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to standard output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan: asks what only you know, and suggests stages that can decide with your traffic."""
    if out is not None and out.exists():
        raise InputError(f"{out} is already there", name="FileExists", fix="Name another file with --out.")
    given = {
        "--flag": ", ".join(flag) if flag else None,
        "--name": name,
        "--owner": owner,
        "--timezone": timezone,
        "--traffic": traffic,
        "--errors": errors,
        "--total": total,
        "--below": below,
        "--finish": finish,
    }
    _put(_with_suggested_stages(_answers(given, may_ask=sys.stdin.isatty() and not as_json)), out, as_json=as_json)


def _put(text: str, out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        out.write_text(text, encoding="utf-8")
        say(f"{out} is written. Next: rampart plan check {out}", as_json=as_json)
    if as_json or out is None:
        show({"plan": text, "file": str(out) if out else None}, words(text.removesuffix("\n")), as_json=as_json)


def _slug(answers: dict[str, str]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", answers["--flag"].partition(",")[0].lower()).strip("-")


def _is_there(text: str) -> object:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{text!r} is not a time zone; write one such as America/New_York") from error


def _end(text: str) -> Finish:
    try:
        return Finish(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is neither {Finish.LEAVE} nor {Finish.FULLY_ON}") from error


_QUESTIONS: dict[str, tuple[str, str | Callable[[dict[str, str]], str], Callable[[str], object]]] = {
    "--flag": ("Flag, as Flipper names it (several with commas)", "", _is_there),
    "--name": ("Name of the rollout", _slug, _is_there),
    "--owner": ("Team that answers for it", "", _is_there),
    "--timezone": ("Time zone", "America/New_York", _zone),
    "--traffic": ("Requests at 100%, such as 400/hour", "", parse_traffic),
    "--errors": ("query that counts failed requests", "", _is_there),
    "--total": ("query that counts all requests", "", _is_there),
    "--below": ("Bar for the error rate", "1%", parse_fraction),
    "--finish": ("At the end, leave it at 100% of actors, or turn it fully_on", Finish.LEAVE.value, _end),
}
"""What is asked for each option that isn't given: the question, what an empty answer means, and how it is read."""


def _answers(given: dict[str, str | None], *, may_ask: bool) -> dict[str, str]:
    """Every answer: as given, as asked for, or what an empty answer means; raises InputError for what is missing."""
    answers: dict[str, str] = {}
    missing = []
    for option, (question, usual, read) in _QUESTIONS.items():
        default = usual if isinstance(usual, str) else usual(answers) if "--flag" in answers else ""
        answer = given[option]
        if answer is None and may_ask:
            answer = typer.prompt(question, default=default or None, value_proc=_asked_again(read), err=True)
        answer = answer or default
        if answer:
            answers[option] = _checked(option, answer, read)
        else:
            missing.append(option)
    if missing:
        raise InputError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, and no one can be asked",
            name="Usage",
            fix="Give each as an option, or run it in a terminal: rampart plan new",
        )
    return answers


def _asked_again(read: Callable[[str], object]) -> Callable[[str], str]:
    def value(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        return text

    return value


def _checked(option: str, answer: str, read: Callable[[str], object]) -> str:
    try:
        read(answer)
    except ValueError as error:
        raise InputError(f"{option}: {error}", name="Usage", fix="See rampart plan new --help") from error
    return answer.strip()


def _with_suggested_stages(answers: dict[str, str]) -> str:
    """The plan with the shortest stages that decide with its traffic; raises RefusedError with every problem."""
    plan = _valid(_written(answers, _USUAL, "Change them as you like."))
    found = suggest(plan, plan.traffic or 0.0, first=1.0, step=5.0, multiple=2.0) if rate_criteria(plan) else None
    if found is None or not found.stages:
        return _written(answers, _USUAL, "The traffic is too little to decide anything: see rampart plan suggest.")
    stages = [(percentage(each.percent), short_duration(each.hold)) for each in found.stages]
    text = _written(answers, stages, "The shortest that decide with this traffic: rampart plan suggest")
    _valid(text)
    return text


def _valid(text: str) -> Plan:
    found = read_yaml(text, PlainLoader)
    try:
        return Plan.model_validate(found.value)
    except ValidationError as error:
        problems = [found.placed(each) for each in problems_of(error)]
        told = f"these answers make no valid plan: {counted(len(problems), 'problem')}"
        source = Source("plan.yaml", text.splitlines())
        raise RefusedError(told, name="InvalidPlan", problems=problems, source=source) from error


def _written(answers: dict[str, str], stages: Sequence[tuple[str, str]], about: str) -> str:
    flags = [name.strip() for name in answers["--flag"].split(",") if name.strip()]
    lines = [
        *SCHEMA_LINE,
        f"rollout: {yaml_value(answers['--name'])}",
        f"owner: {yaml_value(answers['--owner'])}",
        f"flags: [{', '.join(map(yaml_value, flags))}]",
        f"timezone: {yaml_value(answers['--timezone'])}",
        'calendar: {advance_on: business_days, holidays: US-federal, between: "09:00-16:00"}',
        f"traffic: {answers['--traffic']}",
        "criteria:",
        "  error rate:",
        "    kind: rate",
        f"    errors: {yaml_value(answers['--errors'])}",
        f"    total: {yaml_value(answers['--total'])}",
        f"    below: {answers['--below']}",
        "    scope: cohort  # the queries count only requests that the flag is on for; else: everyone",
        f"# {about}",
        "stages:",
        *(f"  - {{percent: {percent}, hold: {hold}}}" for percent, hold in stages),
        f"finish: {answers['--finish']}  # fully_on also turns it on for checks without an actor",
    ]
    return "\n".join(lines) + "\n"
