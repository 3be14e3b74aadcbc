"""What CloudFormation says of a stack, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def parameters_of(described: Mapping[str, Any]) -> dict[str, str]:
    """The parameters with which a stack was deployed, by name."""
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in described.get("Parameters", [])}
