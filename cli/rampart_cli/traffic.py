"""The traffic that a plan is worked out with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.plan.quantities import parse_traffic
from rampart_cli.failures import InputError

if TYPE_CHECKING:
    from rampart.plan.model import Plan


def expected_traffic(plan: Plan, given: str | None) -> float:
    """Requests an hour at 100%: as given, or as the plan has it; raises InputError."""
    try:
        requests_per_hour = plan.traffic if given is None else parse_traffic(given)
    except ValueError as error:
        raise InputError(str(error), fix="Write it such as --traffic 400/hour.") from error
    if requests_per_hour is None:
        raise InputError("the plan names no traffic", fix="Add traffic: 400/hour to it, or give --traffic 400/hour.")
    return requests_per_hour
