"""The records that scenarios begin with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rampart.evidence.verdict import Verdict
from rampart.plan.model import OnDrift, OnRise, Plan
from rampart.plan.stage import Stage
from rampart.rollout.audience import Opening
from rampart.rollout.gate import GateKind, OpenGate
from rampart.rollout.state import Latest, RolloutState, Status
from tests.interleaving.world import FLAG, ROLLOUT, STAFF, START
from tests.records import record, restood

PLAN = Plan.model_validate(
    {
        "rollout": ROLLOUT,
        "owner": "letters",
        "flags": [FLAG],
        "timezone": "UTC",
        "settle": "1m",
        "lag": "1m",
        "bucket": "1m",
        "criteria": {"errors": {"kind": "count", "query": "errors", "at_most": 0}},
        "stages": [{"percent": 1, "hold": "5m"}, {"percent": 25, "hold": "5m"}],
    }
)
RESTORING = PLAN.model_copy(update={"on_drift": OnDrift(above=OnRise.RESTORE)})
FIRST = "first"
PASSED = Latest(id="e1", at=START, verdict=Verdict.PASS, verdicts={"errors": Verdict.PASS})
_AN_HOUR_AGO = START - timedelta(hours=1)


def _state(**changes: Any) -> RolloutState:
    """A live rollout at its first stage, whose hold is over and whose evidence passes."""
    known: dict[str, Any] = {
        "rollout": ROLLOUT,
        "status": Status.LIVE,
        "plan": PLAN,
        "plan_hash": PLAN.digest,
        "execution": FIRST,
        "stage": 0,
        "percent": 1.0,
        "stage_started": _AN_HOUR_AGO,
        "hold_ends": _AN_HOUR_AGO + timedelta(minutes=5),
        "latest": PASSED,
        "gate": OpenGate(id="a1-g2", kind=GateKind.APPROVAL, token="a1-g2", opened=START),
        "passed_gate": "start",
        "started": _AN_HOUR_AGO,
        "attempt_started": _AN_HOUR_AGO,
        "updated": START,
    }
    return record(**known | changes)


ASKED = _state()
_NO_DATA = {"verdict": Verdict.NO_DATA, "verdicts": {"errors": Verdict.NO_DATA}}
UNPROVEN = _state(latest=PASSED.changed(**_NO_DATA))
"""It is asked about without data."""
DUE = _state(latest=PASSED.changed(at=START - timedelta(minutes=6)))
BAKING = _state(gate=OpenGate(id="a1-g1", kind=GateKind.BAKE, token="a1-g1", opened=START - timedelta(minutes=9)))
LONG_AGO = restood(BAKING, latest=PASSED.changed(at=_AN_HOUR_AGO)).changed(
    plan=PLAN.changed(look_every=timedelta(hours=1))
)
"""It is looked at now, and then not for an hour."""
AT_LAST_STAGE = restood(BAKING, stage=1, percent=25.0).changed(passed_gate="a1-g0")
COMPLETED = AT_LAST_STAGE.changed(
    status=Status.COMPLETED, gate=None, watch_until=START + timedelta(minutes=15), execution=FIRST
)
STARTING = _state(stage=None, gate=None, passed_gate=None)
_STAFF_FIRST = PLAN.changed(stages=(Stage.model_validate({"groups": [STAFF.name], "hold": "5m"}), *PLAN.stages[1:]))
STARTING_WITH_STAFF = STARTING.changed(plan=_STAFF_FIRST)
WITH_STAFF = restood(ASKED, percent=0.0).changed(plan=_STAFF_FIRST, opened=(Opening(flag=FLAG, member=STAFF),))
"""It lets staff in by name, and waits at the gate after that."""
_FULLY_ON = PLAN.changed(
    stages=(PLAN.stages[0].changed(percent=100.0), Stage.model_validate({"fully_on": True, "hold": "5m"}))
)
ASKED_FOR_TWO = ASKED.changed(plan=PLAN.changed(approvals=2))
"""Two people must approve what comes next."""
AT_EVERYONE = restood(ASKED, percent=100.0).changed(plan=_FULLY_ON)
"""It is at 100%, and what comes next turns its flag on for every check."""
ROLLED_BACK = _state(
    status=Status.ROLLED_BACK,
    percent=0.0,
    halted_at=START,
    watch_until=START + timedelta(minutes=15),
)
