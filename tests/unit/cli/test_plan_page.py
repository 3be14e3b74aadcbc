"""The documentation explains every key of a plan, and editors do too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rampart.plan.model import Plan
from rampart_cli.plan_page import plan_page
from rampart_cli.plan_schema import plan_schema

ROOT = Path(__file__).parents[3]


def keys() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a person may write, with what the schema says of it."""
    schema = plan_schema()
    for name, model in {"Plan": schema, **schema["$defs"]}.items():
        if name not in {"HistoryHour", "RateHistory"}:
            yield from ((f"{name}.{key}", said) for key, said in model.get("properties", {}).items() if key != "kind")


def test_the_page_is_what_the_model_says() -> None:
    assert (ROOT / "docs/plan.md").read_text() == plan_page(), "run make docs"


@pytest.mark.parametrize(("key", "said"), list(keys()), ids=[key for key, _ in keys()])
def test_every_key_has_a_description(key: str, said: dict[str, Any]) -> None:
    assert said.get("description"), key


@pytest.mark.parametrize("line", [line for line in plan_page().splitlines() if line.startswith("| `")])
def test_every_example_is_yaml_of_its_key(line: str) -> None:
    key, *_, example = (cell.strip() for cell in line.strip("|").split(" | "))
    if example != "see below":
        written = yaml.safe_load(example.strip("`").replace("\\|", "|"))
        assert list(written) == [key.strip("`")]
        assert written[key.strip("`")] not in (None, "")


def test_the_defaults_of_the_schema_are_written_as_plans_write_them() -> None:
    known: dict[str, Any] = {"rollout": "letters", "owner": "us", "flags": ["a"], "timezone": "UTC"}
    known |= {"criteria": {"dead letters": {"kind": "count", "query": "q", "at_most": 0}}}
    known |= {"stages": [{"percent": 100, "hold": "1d"}]}
    defaults = {key: said["default"] for key, said in plan_schema()["properties"].items() if "default" in said}
    assert Plan.model_validate(known | defaults) == Plan.model_validate(known)
