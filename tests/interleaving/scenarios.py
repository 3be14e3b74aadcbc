"""Every beginning that is explored."""

from __future__ import annotations

from datetime import timedelta

from rampart.rollout.request import Cause, RollbackRequest
from tests.interleaving.records import (
    ASKED,
    AT_LAST_STAGE,
    BAKING,
    DUE,
    FIRST,
    LONG_AGO,
    RESTORING,
    ROLLED_BACK,
    STARTING,
    UNPROVEN,
)
from tests.interleaving.scenario import Scenario
from tests.interleaving.world import FLAG, START, Fault

ALERT, SECOND_ALERT = ("alert", 1), ("alert", 2)
OLD_ALERT = RollbackRequest(
    cause=Cause.ALERT, reason="an alert", flags=(FLAG,), asked_at=START - timedelta(minutes=1), queued=True
)
PERSON, ABANDON = ("person", 1, Cause.PERSON), ("person", 2, Cause.ABANDON)
APPROVE, SECOND_APPROVE = ("approve", 1), ("approve", 2)
FREEZE, THAW = ("freeze", 1), ("thaw", 1)

WITHOUT_TICKS = (
    Scenario(name="a freeze meets an approval", state=ASKED, orders=(FREEZE, APPROVE)),
    Scenario(
        name="a freeze meets an advance and an alert", state=ASKED, at="advance", orders=(FREEZE, ALERT), tells=True
    ),
    Scenario(name="a freeze meets the first advance", state=STARTING, at="advance", orders=(FREEZE,), tells=True),
    Scenario(name="an alert meets an approval", state=ASKED, orders=(ALERT, APPROVE), tells=True),
    Scenario(name="an alert meets two approvals", state=ASKED, orders=(ALERT, APPROVE, SECOND_APPROVE)),
    Scenario(name="an alert meets the first advance", state=STARTING, at="advance", orders=(ALERT,), tells=True),
    Scenario(name="a person abandons during an advance", state=ASKED, at="advance", orders=(ABANDON,), tells=True),
    Scenario(name="two alerts meet at a gate", state=BAKING, orders=(ALERT, SECOND_ALERT)),
    Scenario(name="an alert and a person meet at a gate", state=BAKING, orders=(ALERT, PERSON)),
    Scenario(
        name="an advance that an alert meets loses an answer",
        state=ASKED,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LOST}),
        where=frozenset({"flag", "store"}),
    ),
    Scenario(
        name="a write of an advance that an alert meets lands late",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
        steps=1,
    ),
    Scenario(
        name="an advance is called twice",
        state=ASKED,
        at="advance",
        orders=(),
        faults=frozenset({Fault.TWICE}),
    ),
    Scenario(
        name="a write to the flag is accepted and forgotten",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.IGNORED}),
    ),
    Scenario(
        name="a write of an advance is accepted and forgotten",
        state=ASKED,
        at="advance",
        orders=(),
        faults=frozenset({Fault.IGNORED}),
    ),
    Scenario(
        name="the end of a refused start meets an approval",
        state=ASKED,
        orders=(("execution ended", "refused"), APPROVE),
    ),
    Scenario(
        name="an advance that an alert meets is called twice",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        faults=frozenset({Fault.TWICE}),
        where=frozenset({"flag"}),
        deep=True,
    ),
    Scenario(
        name="two alerts meet an advance",
        state=ASKED,
        at="advance",
        orders=(ALERT, SECOND_ALERT),
        tells=True,
        deep=True,
    ),
    Scenario(
        name="an alert and a person meet an advance", state=ASKED, at="advance", orders=(ALERT, PERSON), deep=True
    ),
)
WITH_TICKS = (
    Scenario(
        name="a freeze and its end meet an approval and a tick",
        state=ASKED,
        orders=(FREEZE, THAW, APPROVE),
        ticks=1,
        steps=1,
    ),
    Scenario(
        name="a freeze meets an advance that is cut off",
        state=ASKED,
        at="advance",
        orders=(FREEZE,),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"flag", "store"}),
    ),
    Scenario(
        name="a stage of a frozen rollout fails",
        state=LONG_AGO,
        orders=(FREEZE, ("stage fails",)),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(name="an alert meets an advance and a tick", state=ASKED, at="advance", orders=(ALERT,), ticks=1),
    Scenario(
        name="an advance or the alert that it meets crashes",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="an advance or the alert that it meets loses any answer",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.LOST}),
    ),
    Scenario(
        name="a tick is cut off at the gate, or loses its answer",
        state=BAKING,
        orders=(APPROVE,),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"gates", "store"}),
    ),
    Scenario(
        name="a write of an advance lands late, even after time went on",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.LATE}),
        where=frozenset({"flag"}),
    ),
    Scenario(
        name="the table is down when the alert comes, and an approval after it",
        state=ASKED,
        orders=(ALERT, APPROVE),
        ticks=0,
        steps=1,
        faults=frozenset({Fault.OUTAGE}),
        where=frozenset({"store"}),
    ),
    Scenario(
        name="the queue is down when an alert meets an advance",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset({Fault.OUTAGE}),
        where=frozenset({"queue"}),
    ),
    Scenario(
        name="the stage fails, and the tick that sees it is cut off",
        state=LONG_AGO,
        orders=(("stage fails",),),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.REFUSED}),
    ),
    Scenario(
        name="the stage fails while an approval is acted on",
        state=DUE,
        orders=(("stage fails",), APPROVE),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="someone stops the execution, and no one is told",
        state=BAKING,
        orders=(("stop", 1),),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="the attempt goes blind while an alert comes",
        state=BAKING,
        orders=(("go blind", 1), ALERT),
        ticks=0,
        tells=True,
    ),
    Scenario(
        name="the end of the rollout meets an alert",
        state=AT_LAST_STAGE,
        orders=(ALERT,),
        ticks=1,
        steps=1,
        faults=frozenset({Fault.CRASH}),
    ),
    Scenario(
        name="a resume meets what is left of the attempt before",
        state=ROLLED_BACK,
        orders=(("resume", 1), ("execution ended", FIRST)),
        queued=(OLD_ALERT,),
        ticks=0,
    ),
    Scenario(
        name="a resume and a decision meet what is left of the attempt before",
        state=ROLLED_BACK,
        orders=(("resume", 1), ("execution ended", FIRST), PERSON),
        queued=(OLD_ALERT,),
        ticks=0,
        deep=True,
    ),
    Scenario(
        name="another writer raises the flag, and it is restored while an alert comes",
        state=ASKED.model_copy(update={"plan": RESTORING}),
        orders=(("writer", 50.0), ALERT),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
        others=True,
    ),
    Scenario(
        name="another writer raises the flag, and it is restored while an approval comes",
        state=ASKED.model_copy(update={"plan": RESTORING}),
        orders=(("writer", 50.0), APPROVE),
        ticks=2,
        others=True,
    ),
    Scenario(
        name="someone lowers the flag before an approval is acted on",
        state=ASKED,
        orders=(("writer", 0.0), APPROVE),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        where=frozenset({"flag", "store"}),
        others=True,
    ),
    Scenario(
        name="what was not proven is overridden, and the next stage fails",
        state=UNPROVEN,
        orders=(("override", 1), ("stage fails",)),
        ticks=1,
        faults=frozenset({Fault.CRASH}),
        where=frozenset({"store"}),
    ),
    Scenario(
        name="another writer raises a rolled-back flag",
        state=ROLLED_BACK,
        orders=(("writer", 50.0),),
        ticks=1,
        faults=frozenset({Fault.CRASH, Fault.LOST, Fault.REFUSED}),
        others=True,
    ),
    Scenario(
        name="another writer raises a rolled-back flag before the end of its execution is told",
        state=ROLLED_BACK,
        orders=(("writer", 50.0), ("execution ended", FIRST)),
        queued=(OLD_ALERT,),
        ticks=1,
        others=True,
    ),
    Scenario(
        name="anything but a second call happens to the first advance and an alert",
        state=STARTING,
        at="advance",
        orders=(ALERT,),
        ticks=0,
        faults=frozenset(Fault) - {Fault.TWICE},
        deep=True,
    ),
)
