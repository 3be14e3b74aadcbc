"""Why a rollout may not start or resume: each refusal's code is the error that Step Functions shows."""

from __future__ import annotations

from collections.abc import Mapping

from rampart.absence import AbsenceReason
from rampart.finding import FindingKind

INVALID_PLAN = "InvalidPlan"
"""The error of an input that isn't a plan; its findings are those of the plan."""

_WAIT = "Wait until it is quiet: it could not tell a new fault from the old one"
_LOOK = "Correct the monitor in Datadog"

ROLLOUT_EXISTS = FindingKind("RolloutExists", "A rollout of this name has run, or runs.", "Choose another name")
CALENDAR_CLOSED = FindingKind(
    "CalendarClosed", "The plan's calendar allows no advance now.", "Start again when it is open"
)
FROZEN = FindingKind(
    "Frozen", "Someone stopped every advance of this stack.", "Wait for `rampart thaw`, or ask who froze it"
)
CHANGES_CLOSED = FindingKind(
    "ChangesClosed",
    "A change calendar of the organization is closed, or can't be asked.",
    "Start again when it is open",
)
POLICY_UNREADABLE = FindingKind(
    "PolicyUnreadable",
    "The organization's policy can't be read, or isn't one.",
    "Fix the file that the stack's parameter PolicyUri names, or the permission to read it",
)
IDENTITY_UNPROVEN = FindingKind(
    "IdentityUnproven",
    "The plan wants approvals by proven people, and this stack isn't told who they are.",
    "Deploy the stack with ProveIdentity=cloudtrail and a trail for management events, or take that out of the plan",
)
BUSY = FindingKind("Busy", "Someone else held a flag at that moment.", "Start again")
FLAG_CLAIMED = FindingKind(
    "FlagClaimed", "A flag belongs to another rollout.", "Complete or abandon that rollout first"
)
UNKNOWN_FLAG = FindingKind("UnknownFlag", "A flag doesn't exist in the flag store.", "Create it, or fix its spelling")
FLAG_CREDENTIALS = FindingKind(
    "FlagCredentialsRefused", "The flag store refused the token.", "Fix the flag store's secret"
)
FLAG_STORE = FindingKind("FlagStoreUnreachable", "The flag store didn't answer.", "Start again when it answers")
FLAG_GATE_OPEN = FindingKind(
    "FlagGateOpen",
    "Another gate of a flag is open, so a percentage would change nothing.",
    "Close it first: Rampart moves the percentage of actors only",
)
FLAG_ALREADY_ON = FindingKind(
    "FlagAlreadyOn", "A flag isn't at 0%.", "Set it to 0% first: a rollout begins where no one is exposed"
)
QUERY_REFUSED = FindingKind(
    "QueryRefused", "A query isn't accepted by its source.", "Fix the query: its source does not accept it"
)
METRICS_CREDENTIALS = FindingKind(
    "MetricsCredentialsRefused",
    "A source of evidence refused the keys or the role.",
    "Fix what it refuses: Datadog's secret (API key, application key), or the permissions to read CloudWatch",
)
METRICS_RATE_LIMITED = FindingKind(
    "MetricsRateLimited", "A source of evidence is rate-limiting us.", "Start again when the limit is over"
)
METRICS_UNREADABLE = FindingKind(
    "MetricsUnreadable", "A source of evidence didn't answer.", "Start again when it answers"
)
QUERY_FINDS_NOTHING = FindingKind(
    "QueryFindsNothing",
    "A query found nothing in the week before.",
    "Fix the metric's name and tags: a metric without data can never pass",
)
FAILS_WITHOUT_FLAG = FindingKind(
    "FailsWithoutFlag",
    "A criterion failed in the week before, without the flag.",
    "Fix what fails today, or choose another bar",
)
HISTORY_CONTRADICTS = FindingKind(
    "HistoryContradicts",
    "In the week before, there were more errors than requests.",
    "Fix the queries: each error must be one of the requests that the total counts",
)
ERRORS_FIND_NOTHING = FindingKind(
    "ErrorsFindNothing",
    "The errors query found nothing, or everything, where the baseline expects otherwise.",
    "Fix the errors query's name and tags, or the baseline if it is not so any more",
)
ERRORS_STOPPED = FindingKind(
    "ErrorsStopped",
    "Errors stopped in the week before, while requests went on.",
    "Check the errors query's name and tags; if what failed was fixed, set the baseline to what it is now",
)
MONITORS_UNREADABLE = FindingKind(
    "MonitorsUnreadable", "The plan's monitors couldn't be read.", "Start again when Datadog answers"
)
FIX_OF_MONITORS: Mapping[AbsenceReason | None, str] = {
    AbsenceReason.REFUSED_CREDENTIALS: "Fix Datadog's secret: API key, application key",
    AbsenceReason.RATE_LIMITED: METRICS_RATE_LIMITED.fix,
}
"""What helps where the reason is known."""
MONITOR_ALERTING = FindingKind("MonitorAlerting", "A monitor of the plan alerts or warns.", _WAIT)
UNKNOWN_MONITOR = FindingKind("UnknownMonitor", "A monitor of the plan doesn't exist.", _LOOK)
MONITOR_IS_DRAFT = FindingKind("MonitorIsDraft", "A monitor is a draft, which notifies no one.", _LOOK)
MONITOR_MUTED = FindingKind("MonitorMuted", "A monitor is muted: it judges, and notifies no one.", _LOOK)
MONITOR_IN_DOWNTIME = FindingKind("MonitorInDowntime", "A monitor is in a downtime, and notifies no one.", _LOOK)
MONITOR_HAS_NO_DATA = FindingKind("MonitorHasNoData", "A monitor has had no data for too long.", _LOOK)
MONITOR_NOT_JUDGING = FindingKind(
    "MonitorNotJudging", "A monitor is in a state that says neither well nor broken.", _LOOK
)
MONITOR_REACHES_NOBODY = FindingKind(
    "MonitorReachesNobody", "A monitor's message doesn't name this stack's webhook.", _LOOK
)
UNKNOWN_ROLLOUT = FindingKind("UnknownRollout", "There is no rollout of this name to resume.", "Fix its name")
NOT_ROLLED_BACK = FindingKind(
    "NotRolledBack", "The rollout to resume isn't rolled back.", "Only a rolled-back rollout can be resumed"
)
UNKNOWN_STAGE = FindingKind("UnknownStage", "There is no such stage to resume at.", "Choose one of the plan's stages")
MORE_PROBLEMS = FindingKind(
    "MoreProblems", "More was found than fits into one answer.", "Fix these, and run `rampart plan check`"
)
