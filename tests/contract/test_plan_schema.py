from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from rampart.plan.model import Plan
from rampart_cli.failures import ExitCode
from rampart_cli.main import main
from rampart_cli.plan_schema import plan_schema, plan_schema_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "plan.schema.json"

PLAN: dict[str, Any] = {
    "rollout": "claim-letters",
    "title": "Claim letters",
    "owner": "a team",
    "flags": ["web", "mobile"],
    "timezone": "America/New_York",
    "calendar": {"advance_on": "business_days", "holidays": "US-federal", "between": "09:00-16:00"},
    "traffic": "400/hour",
    "look_every": "5m",
    "when_blind": "roll_back",
    "on_drift": {"above": "restore", "below": "roll_back"},
    "monitors": [12345],
    "criteria": {
        "errors": {"kind": "rate", "errors": "e", "total": "t", "below": "1%", "scope": "everyone", "baseline": "0.3%"},
        "refunds": {"kind": "count", "query": "c", "at_most": 3, "on_fail": "hold"},
        "p95": {"kind": "value", "query": "v", "below": 1.5, "for": "20m"},
        "complaints": {"kind": "reported", "at_most": 0},
    },
    "stages": [
        {"name": "Canary", "percent": 1, "users": 500, "hold": "4d"},
        {"percent": 100, "hold": "1 business day", "approval": "none"},
    ],
}


def test_the_published_schema_is_the_models_own() -> None:
    assert PUBLISHED.read_text() == plan_schema_text(), (
        "docs/plan.schema.json is out of date: write it again with `rampart plan schema > docs/plan.schema.json`"
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_line_prints_exactly_what_is_published(
    options: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["plan", "schema", *options]) == ExitCode.OK
    assert capsysbinary.readouterr().out == PUBLISHED.read_bytes()


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(plan_schema())


def test_a_valid_plan_satisfies_model_and_schema() -> None:
    Plan.model_validate(PLAN)
    jsonschema.validate(PLAN, plan_schema())


@pytest.mark.parametrize(
    "changes",
    [
        {"color": "green"},
        {"rollout": "Claim Letters"},
        {"flags": []},
        {"flags": ["a/b"]},
        {"when_blind": "guess"},
        {"criteria": {}},
        {"criteria": {"x": {"kind": "sum"}}},
        {"criteria": {"x": {"kind": "count", "query": "", "at_most": 0}}},
        {"stages": []},
        {"stages": [{"percent": 0, "hold": "1d"}]},
        {"stages": [{"percent": 1}]},
    ],
)
def test_what_the_schema_refuses_the_model_refuses_too(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(PLAN | changes)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(PLAN | changes, plan_schema())


def test_a_stored_plan_satisfies_the_schema() -> None:
    jsonschema.validate(json.loads(Plan.model_validate(PLAN).model_dump_json(by_alias=True)), plan_schema())
