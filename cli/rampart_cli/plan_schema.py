"""The plan's JSON Schema, for editors and for other people's tools."""

from __future__ import annotations

import json
import re
from typing import Any

from rampart.plan.model import Plan


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a plan; rules between fields are said by the plan's own validation only."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Plan.model_json_schema(by_alias=True)
    for model in (schema, *schema["$defs"].values()):
        for said in model.get("properties", {}).values():
            if (found := _ISO_DURATION.fullmatch(str(said.get("default")))) is not None:
                said["default"] = found[1] + found[2].lower()
    return schema


_ISO_DURATION = re.compile(r"PT?(\d+)([DHMS])")
"""How pydantic writes the default of a duration, and how no plan can."""


def plan_schema_text() -> str:
    """The schema as it is published in `docs/plan.schema.json`."""
    return json.dumps(plan_schema(), indent=2) + "\n"
