from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Document = dict[str, Any]


@pytest.fixture
def document() -> Callable[..., Document]:
    """A valid plan as a team writes it, with changes."""

    def make(**changes: object) -> Document:
        plan: Document = {
            "rollout": "claim-letters",
            "owner": "benefits-management-tools",
            "flags": ["letters_api"],
            "timezone": "America/New_York",
            "criteria": {
                "index error rate": {
                    "kind": "rate",
                    "errors": "sum:requests{action:index,status:5*}.as_count()",
                    "total": "sum:requests{action:index}.as_count()",
                    "below": "1%",
                    "baseline": "0.3%",
                }
            },
            "stages": [{"name": "Canary", "percent": 1, "hold": "4d"}, {"percent": 25, "hold": "1 business day"}],
        }
        return plan | changes

    return make
