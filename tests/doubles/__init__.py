"""The ports done in memory, with the semantics of the real ones: for tests, simulations and explorers of orderings."""

from tests.doubles.calls import Moment, OnCall
from tests.doubles.executions import MemoryGates, MemoryRollbackQueue
from tests.doubles.flags import MemoryFlagStore, with_member, without_member
from tests.doubles.metrics import Script, ScriptedMetricSource, monitor_that_says
from tests.doubles.store import MemoryRolloutStore, changes
from tests.doubles.surroundings import FixedClock, FixedSecret, MemoryAnnouncer, MemoryCalendars

__all__ = [
    "FixedClock",
    "FixedSecret",
    "MemoryAnnouncer",
    "MemoryCalendars",
    "MemoryFlagStore",
    "MemoryGates",
    "MemoryRollbackQueue",
    "MemoryRolloutStore",
    "Moment",
    "OnCall",
    "Script",
    "ScriptedMetricSource",
    "changes",
    "monitor_that_says",
    "with_member",
    "without_member",
]
