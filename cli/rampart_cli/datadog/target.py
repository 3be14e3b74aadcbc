"""Whose things these are in Datadog: the stack and the rollout that they are made for, and how that is written down."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rampart.evidence.monitor import USUAL_WEBHOOK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rampart.plan.model import Plan

MANAGED = "managed_by:rampart"
CRITERION = "criterion:"
_LONGEST_TAG = 200
"""Characters: https://docs.datadoghq.com/getting_started/tagging/#define-tags"""
_UNTAGGABLE = re.compile(r"[^a-z0-9_\-./]+")


@dataclass(frozen=True, slots=True)
class Target:
    """One rollout of one stack.

    Two stacks may know a rollout of the same name, and share a Datadog account: what is made carries both names.
    """

    stack: str
    """The stack as `region/account/name`."""
    rollout: str
    webhook: str
    alert_url: str
    token_version: str
    """Which version of the alert secret holds the token: an id, which tells nothing of the token."""

    @classmethod
    def of(cls, plan: Plan, *, stack: str, alert_url: str, token_version: str) -> Target:
        """What a plan's rollout is in a stack."""
        return cls(stack, plan.rollout, plan.webhook or usual_webhook(plan), alert_url, token_version)

    @property
    def owner(self) -> str:
        """The stack and the rollout in one text."""
        return f"{self.stack}/{self.rollout}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What every monitor made for this rollout carries."""
        return MANAGED, f"rollout:{self.rollout}", f"rampart_stack:{_tag_value(self.stack)}"

    @property
    def variable(self) -> str:
        """The custom variable that holds the token.

        All such names are equally long, so that none is the beginning of another, whatever reads `$NAME`.
        """
        return f"RAMPART_{hashlib.sha256(self.owner.encode()).hexdigest()[:12].upper()}"


def usual_webhook(plan: Plan) -> str:
    """The webhook of a plan that names none."""
    return f"{USUAL_WEBHOOK}-{plan.rollout}"


def criterion_tags(names: Iterable[str]) -> Mapping[str, str]:
    """The tag of each criterion; where two names would be written alike, they get a digest of the name."""
    values = {name: _tag_value(name) for name in names}
    taken = list(values.values())
    return {
        name: CRITERION + (value if taken.count(value) == 1 else f"{value[:150]}-{_digest(name)}")
        for name, value in values.items()
    }


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _tag_value(text: str) -> str:
    value = _UNTAGGABLE.sub("_", text.lower()).strip("_")[: _LONGEST_TAG - len("rampart_stack:")]
    return value or _digest(text)
