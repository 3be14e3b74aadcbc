"""What is to be said about a plan on a page: a closed list of codes, each with why it matters and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rampart_cli.document.page import Page


class Severity(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """No rollout can start from this, or it would do something that nobody wants."""
    WARNING = "warning"
    """A rollout can start, and may not do what the page's author means."""
    NOTE = "note"
    """Worth knowing."""


class Code(StrEnum):
    """Everything that is said about a page."""

    NOT_A_PLAN = "not_a_plan"
    """The page states no rollout."""
    UNREADABLE_PAGE = "unreadable_page"
    """The file is no text, or too large."""
    NESTED_TOO_DEEP = "nested_too_deep"
    """Lists or quotes lie within each other beyond what is followed."""
    STAGING_FLAG_LINK = "staging_flag_link"
    """The flag's link opens another environment than production."""
    INCONSISTENT_FLAG_NAME = "inconsistent_flag_name"
    """A flag is spelt in two ways."""
    MISSING_FLAG = "missing_flag"
    """No flag is named."""
    MISSING_OWNER = "missing_owner"
    """Nobody answers for the rollout."""
    MISSING_TIMEZONE = "missing_timezone"
    """The dates have no time zone."""
    MISSING_ROLLBACK = "missing_rollback"
    """The page does not say how to go back."""
    MISSING_WINDOW = "missing_window"
    """The page does not say over how much data a criterion is judged."""
    MISSING_DASHBOARD = "missing_dashboard"
    """No dashboard is linked."""
    MISSING_MONITOR = "missing_monitor"
    """No monitor is named or linked."""
    MISSING_THRESHOLD = "missing_threshold"
    """A criterion has no number, or there is no criterion."""
    MISSING_OPERATOR = "missing_operator"
    """A criterion's number has no direction."""
    BAR_CANNOT_FIRE = "bar_cannot_fire"
    """A bar that a stage is too small to break."""
    UNMEASURABLE_CRITERION = "unmeasurable_criterion"
    """A criterion that no metric shows."""
    CRITERION_MISSING_IN_PHASE = "criterion_missing_in_phase"
    """One phase looks at a criterion, and another does not."""
    CONTRADICTORY_CRITERION = "contradictory_criterion"
    """Two phases give one criterion different bars."""
    CONTRADICTORY_PERCENT = "contradictory_percent"
    """A stage is given two percentages."""
    STAGE_WITHOUT_PERCENT = "stage_without_percent"
    """A stage does not say how many users it reaches."""
    STAGE_ORDER = "stage_order"
    """The percentages do not rise."""
    DUPLICATE_STAGE_LETTER = "duplicate_stage_letter"
    """Two stages have the same letter."""
    NO_FULL_STAGE = "no_full_stage"
    """The last stage is not 100%."""
    PERCENTAGE_OF_TIME = "percentage_of_time"
    """A stage is a percentage of time or requests, not of users."""
    USERS_NOT_MATCHING_STAGES = "users_not_matching_stages"
    """The numbers of users do not fit the stages."""
    DEPENDENCY_IN_TIMELINE = "dependency_in_timeline"
    """An entry of the timeline is no step of the rollout."""
    MISSING_YEAR = "missing_year"
    """A date has no year."""
    MALFORMED_DATE = "malformed_date"
    """A date is none."""
    DATE_RANGE_REVERSED = "date_range_reversed"
    """A range ends before it begins."""
    DATES_OUT_OF_ORDER = "dates_out_of_order"
    """A later stage starts before an earlier one."""
    DATE_OUTSIDE_RANGE = "date_outside_range"
    """A stage lies outside the range of its phase."""
    WEEKEND_DATE_VS_BUSINESS_DAY = "weekend_date_vs_business_day"
    """A stage starts on a Saturday or Sunday."""
    HOLIDAY_DATE = "holiday_date"
    """A stage starts on a federal holiday."""
    RESULT_BEFORE_LAUNCH = "result_before_launch"
    """Results are written for a stage that has not started."""
    PLACEHOLDER_LEFT = "placeholder_left"
    """An answer is still a placeholder."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What goes with a code: its weight, why it matters, how to mend it."""

    severity: Severity
    why: str
    help: str


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
ADVICE: dict[Code, Advice] = {
    Code.NOT_A_PLAN: Advice(
        _E,
        "Nothing is made up from a page that states no rollout.",
        "Write the stages, such as `Stage A: 1% of users`.",
    ),
    Code.UNREADABLE_PAGE: Advice(
        _E, "A plan is a few pages of text.", "Give the Markdown page itself, saved as UTF-8."
    ),
    Code.NESTED_TOO_DEEP: Advice(
        _W, "What lies deeper, and what follows it, was not read.", "Write the plan with fewer levels of lists."
    ),
    Code.STAGING_FLAG_LINK: Advice(
        _E,
        "Whoever follows the link during a rollout changes another environment and believes that production moved.",
        "Link the flag's page on the production host.",
    ),
    Code.INCONSISTENT_FLAG_NAME: Advice(
        _E,
        "Writing to a misspelt flag creates a new one that nothing reads.",
        "Keep one spelling: that of the flag store.",
    ),
    Code.MISSING_FLAG: Advice(
        _E, "Without the flag's name nothing can be moved, up or down.", "Add `Feature flag: name_of_the_flag`."
    ),
    Code.MISSING_OWNER: Advice(
        _E, "Somebody has to be asked before each advance and told of a rollback.", "Add `Owner: name-of-the-team`."
    ),
    Code.MISSING_TIMEZONE: Advice(
        _E, "A day begins at different moments in different places.", "Add `Time zone: America/New_York`, or yours."
    ),
    Code.MISSING_ROLLBACK: Advice(
        _W,
        "When it is needed there is no time to work out who does what.",
        "Add a section `Rollback`: who is told, and what besides the flag has to be undone.",
    ),
    Code.MISSING_WINDOW: Advice(
        _W,
        "The same bar passes over an hour and fails over a minute; a few requests prove nothing.",
        "Say over how long, and from how many requests on, each criterion is judged.",
    ),
    Code.MISSING_DASHBOARD: Advice(
        _N, "People who approve want to look for themselves.", "Link the dashboard that shows the criteria."
    ),
    Code.MISSING_MONITOR: Advice(
        _N,
        "Rampart looks every few minutes; a monitor's alert takes the flag down within seconds, in between too.",
        "Link the Datadog monitor that calls Rampart when a criterion breaks.",
    ),
    Code.MISSING_THRESHOLD: Advice(
        _E, "What has no number can neither pass nor fail.", "Give each criterion a bar, such as `error rate: < 1%`."
    ),
    Code.MISSING_OPERATOR: Advice(
        _E, "It is not said on which side of the number is good.", "Write `<`, `<=`, `>` or `>=` before the number."
    ),
    Code.BAR_CANNOT_FIRE: Advice(
        _W,
        "A metric of everybody hides the failures of a few: the stage would pass whatever happens.",
        "Measure only the users who have the flag (`scope: cohort`), lower the bar, or start with a larger share.",
    ),
    Code.UNMEASURABLE_CRITERION: Advice(
        _W,
        "Datadog holds no metric of it: a person has to report the number at each approval.",
        "Say who reports it and where from; in the plan it is `kind: reported`.",
    ),
    Code.CRITERION_MISSING_IN_PHASE: Advice(
        _W, "What is watched for few users is not watched for many.", "List it in every phase, or say why it ends."
    ),
    Code.CONTRADICTORY_CRITERION: Advice(
        _W, "One criterion has one bar for a whole rollout.", "Keep one bar, or give the two criteria two names."
    ),
    Code.CONTRADICTORY_PERCENT: Advice(
        _E, "Only the team knows which of them is meant; none is taken.", "Write the same percentage in both places."
    ),
    Code.STAGE_WITHOUT_PERCENT: Advice(
        _E, "The flag is moved to a percentage, and none is stated.", "Write it: `Percentage of users: 25%`."
    ),
    Code.STAGE_ORDER: Advice(
        _E, "A rollout only goes up; going down is a rollback.", "Order the stages by percentage, each above the last."
    ),
    Code.DUPLICATE_STAGE_LETTER: Advice(
        _W, "Results and approvals name a stage by its letter.", "Give each stage a letter of its own."
    ),
    Code.NO_FULL_STAGE: Advice(
        _N,
        "The rollout would end with part of the users on the old path.",
        "Add the stage of 100%, or say it is meant.",
    ),
    Code.PERCENTAGE_OF_TIME: Advice(
        _W,
        "A percentage of time shows a user the new and the old side in turn; Rampart moves a percentage of users.",
        "State a percentage of users, and turn the percentage-of-time gate off.",
    ),
    Code.USERS_NOT_MATCHING_STAGES: Advice(
        _W, "The expected users tell whether a stage can gather enough evidence.", "Give one number for each stage."
    ),
    Code.DEPENDENCY_IN_TIMELINE: Advice(
        _N,
        "Nobody may take it for a step of the rollout, yet the rollout waits for it.",
        "List what must be done before under a heading of its own.",
    ),
    Code.MISSING_YEAR: Advice(
        _W, "Weekdays, holidays and order cannot be checked without the year.", "Write the year: 2026-03-18."
    ),
    Code.MALFORMED_DATE: Advice(_W, "It cannot be put into a calendar.", "Write year-month-day: 2026-03-18."),
    Code.DATE_RANGE_REVERSED: Advice(
        _W, "One of the two days, or the year, is wrong.", "Write the year with both days, the earlier first."
    ),
    Code.DATES_OUT_OF_ORDER: Advice(
        _W, "Stages follow each other, and so do their days.", "Put the days in the order of the percentages."
    ),
    Code.DATE_OUTSIDE_RANGE: Advice(
        _W, "Either the phase or the stage was moved, and the other was forgotten.", "Bring the two into line."
    ),
    Code.WEEKEND_DATE_VS_BUSINESS_DAY: Advice(
        _W, "Nobody is there to look, and traffic is not that of a working day.", "Move it to a business day."
    ),
    Code.HOLIDAY_DATE: Advice(
        _W, "Nobody is there to look, and traffic is not that of a working day.", "Move it to a business day."
    ),
    Code.RESULT_BEFORE_LAUNCH: Advice(
        _W, "Results of something that has not happened were copied or guessed.", "Empty the results, or mend the date."
    ),
    Code.PLACEHOLDER_LEFT: Advice(_W, "Nothing is guessed in its place.", "Fill it in, or take the line out."),
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding; line and column are one-based, `mark` is how many characters it is about."""

    code: StrEnum
    """A `Code`; of what isn't about the page itself, a code that comes with its own advice."""
    line: int
    column: int
    message: str
    mark: int = 1
    own_advice: Advice | None = None

    @property
    def severity(self) -> Severity:
        """How much it weighs."""
        return self._advice.severity

    @property
    def why(self) -> str:
        """Why it matters."""
        return self._advice.why

    @property
    def help(self) -> str:
        """How to mend it."""
        return self._advice.help

    @property
    def _advice(self) -> Advice:
        return self.own_advice or ADVICE[Code(self.code)]

    def as_json(self) -> dict[str, str | int]:
        """The finding in the published form."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "help": self.help,
        }


def diagnose(code: Code, page: Page, line: int, fragment: str, message: str) -> Diagnostic:
    """Say `code` of `fragment` on `line`; of the whole line when the fragment is empty or not there."""
    column, mark = page.place(line, fragment)
    return Diagnostic(code, line, column, message, min(mark, 120))
