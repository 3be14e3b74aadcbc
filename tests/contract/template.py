"""The template and the definitions as tests read them."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("Prepare", "Advance", "Evaluate", "Rollback", "Notify")
MACHINES = {"RolloutMachine": "rollout", "DecisionMachine": "decision"}


def definition(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / f"functions/{name}.asl.json").read_text())
    return loaded


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement that there is with any parameters."""
    written = [s for policy in resource["Properties"]["Policies"] for s in policy["Statement"]]
    branches = [each["Fn::If"][1:] if "Fn::If" in each else [each] for each in written]
    return [each for either in branches for each in either if each != {"Ref": "AWS::NoValue"}]


def actions(resource: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in statements(resource):
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return found
