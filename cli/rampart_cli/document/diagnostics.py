"""What is to be said about a plan on a page: a closed list of kinds, each with why it matters and how to fix it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from rampart.finding import Finding, FindingKind, Severity
from rampart_cli.document.page import Page

Say = Callable[[FindingKind, int, str, str], Finding]
"""What says a finding of one page: its kind, its line, the fragment of the line, and the message."""
_error = partial(FindingKind, "", severity=Severity.ERROR)
_warning = partial(FindingKind, "", severity=Severity.WARNING)
_note = partial(FindingKind, "", severity=Severity.NOTE)


class Code:
    """Everything that is said about a page."""

    NOT_A_PLAN = _error(
        "The page describes no rollout.",
        why="Rampart makes nothing up: without stages on the page, there is no plan.",
        fix="Write the stages, such as `Stage A: 1% of users`.",
    )
    UNREADABLE_PAGE = _error(
        "The file isn't text, or is too large.",
        why="A plan is a few pages of text.",
        fix="Give the Markdown page itself, saved as UTF-8.",
    )
    NESTED_TOO_DEEP = _warning(
        "Lists or quotes are nested too deeply.",
        why="What is nested deeper, and what follows it, was not read.",
        fix="Write the plan with fewer levels of lists.",
    )
    OTHER_LANGUAGE = _error(
        "The page isn't in English.",
        why="A page in another language would be only half understood.",
        fix="Give the plan in English, or write plan.yaml by hand.",
    )
    DOUBTFUL_READING = _warning(
        "The stages, as they were read, don't make a rollout.",
        why="They may have been misread, so the draft has gaps instead of percentages.",
        fix="Check each stage of the draft against its line, and fill in its percentage.",
    )
    LAUNCH_WITHOUT_SHARE = _warning(
        "A section on going live gives no percentage.",
        why="It may be the 100% stage, or only the day on which the rollout is declared done.",
        fix="Write its percentage: `Go live: 100% of users`.",
    )
    STAGES_DISAGREE = _warning(
        "The page lists its stages twice, and the lists differ.",
        why="The draft uses one list and ignores the other.",
        fix="Keep one list of stages, or make the two agree.",
    )
    STAGING_FLAG_LINK = _error(
        "The flag's link opens an environment other than production.",
        why="People who follow the link during a rollout change another environment and believe that production moved.",
        fix="Link the flag's page on the production host.",
    )
    INCONSISTENT_FLAG_NAME = _error(
        "A flag is spelled in two ways.",
        why="Writing to a misspelled flag creates a new one that nothing reads.",
        fix="Keep one spelling: that of the flag store.",
    )
    MISSING_FLAG = _error(
        "No flag is named.",
        why="Without the flag's name nothing can be moved, up or down.",
        fix="Add `Feature flag: name_of_the_flag`.",
    )
    MISSING_OWNER = _error(
        "No owner is named.",
        why="Someone has to be asked before each advance and told about a rollback.",
        fix="Add `Owner: name-of-the-team`.",
    )
    MISSING_TIMEZONE = _error(
        "The dates have no time zone.",
        why="A day begins at different moments in different places.",
        fix="Add `Time zone: America/New_York`, or yours.",
    )
    MISSING_ROLLBACK = _warning(
        "The page does not say how to roll back.",
        why="When it is needed there is no time to work out who does what.",
        fix="Add a section `Rollback`: who is told, and what besides the flag has to be undone.",
    )
    MISSING_WINDOW = _warning(
        "The page does not say over how much data a criterion is judged.",
        why="The same bar passes over an hour and fails over a minute; a few requests prove nothing.",
        fix="Say how long each criterion is measured, and how many requests it takes at least.",
    )
    MISSING_DASHBOARD = _note(
        "No dashboard is linked.",
        why="People who approve want to look for themselves.",
        fix="Link the dashboard that shows the criteria.",
    )
    MISSING_MONITOR = _note(
        "No monitor is named or linked.",
        why="Rampart checks every few minutes; between checks, a monitor's alert rolls it back in seconds.",
        fix="Link the Datadog monitor that calls Rampart when a criterion breaks.",
    )
    MISSING_THRESHOLD = _error(
        "A criterion has no number, or there is no criterion.",
        why="What has no number can neither pass nor fail.",
        fix="Give each criterion a bar, such as `error rate: < 1%`.",
    )
    MISSING_HOLD = _error(
        "A stage does not say how long it is held.",
        why="A stage that ends at once gathers no evidence.",
        fix="Write it next to the percentage: `25% of users for 2 business days`.",
    )
    BAR_IN_UNIT = _warning(
        "A bar has a unit, and a plan's bar has none.",
        why="3 s is `below: 3` if the metric counts seconds and `below: 3000` if it counts milliseconds.",
        fix="Look up the metric's unit, and write the bar in it.",
    )
    UNREAD_BAR = _warning(
        "A line holds a bar, and no criterion was taken from it.",
        why="A bar that isn't in the plan stops nothing.",
        fix="If it is a criterion, put it under a heading such as `Success criteria`, or add it to the draft.",
    )
    UNREAD_PERCENTAGE = _note(
        "A line names a percentage, and no stage was taken from it.",
        why="It may be a stage that was overlooked.",
        fix="If it is a stage, write it on a line of its own: `25% of users`.",
    )
    MISSING_OPERATOR = _error(
        "A criterion's number has no direction.",
        why="The page does not say which side of the number is good.",
        fix="Write `<`, `<=`, `>` or `>=` before the number.",
    )
    BAR_CANNOT_FIRE = _warning(
        "A stage is too small to break a bar.",
        why="A metric of everyone hides the failures of a few: the stage would pass whatever happens.",
        fix="Measure only the users who have the flag (`scope: cohort`), lower the bar, or start with a larger share.",
    )
    UNMEASURABLE_CRITERION = _warning(
        "No metric shows a criterion.",
        why="A person has to report the number at each approval.",
        fix="Say who reports it and where from; in the plan it is `kind: reported`.",
    )
    CRITERION_MISSING_IN_PHASE = _warning(
        "A criterion is listed in one phase and not in another.",
        why="What is watched for few users is not watched for many.",
        fix="List it in every phase, or say why it ends.",
    )
    CONTRADICTORY_CRITERION = _warning(
        "One criterion is given different bars.",
        why="One criterion has one bar for a whole rollout; with the looser one, the rollout goes on for too long.",
        fix="Keep one bar, the stricter if unsure, or give the two criteria two names.",
    )
    CONTRADICTORY_PERCENT = _error(
        "A stage is given two percentages.",
        why="Only the team knows which one is meant, so neither is used.",
        fix="Write the same percentage in both places.",
    )
    STAGE_WITHOUT_PERCENT = _error(
        "A stage does not say how many users it reaches.",
        why="Rampart sets the flag to a percentage, and the page gives none.",
        fix="Write it: `Percentage of users: 25%`.",
    )
    STAGE_ORDER = _error(
        "The percentages do not rise.",
        why="A rollout only goes up; going down is a rollback.",
        fix="Order the stages by percentage, each above the last.",
    )
    DUPLICATE_STAGE_LETTER = _warning(
        "Two stages have the same letter.",
        why="Results and approvals name a stage by its letter.",
        fix="Give each stage a letter of its own.",
    )
    NO_FULL_STAGE = _note(
        "The last stage is not 100%.",
        why="The rollout would end with part of the users on the old path.",
        fix="Add a 100% stage, or say that the rollout is meant to end here.",
    )
    PERCENTAGE_OF_TIME = _warning(
        "A stage is a percentage of time or requests, not of users.",
        why="A percentage of time shows a user the new and the old side in turn; Rampart moves a percentage of users.",
        fix="State a percentage of users, and turn the percentage-of-time gate off.",
    )
    USERS_NOT_MATCHING_STAGES = _warning(
        "The numbers of users do not fit the stages.",
        why="The expected users tell whether a stage can gather enough evidence.",
        fix="Give one number for each stage.",
    )
    DEPENDENCY_IN_TIMELINE = _note(
        "A timeline entry isn't a step of the rollout.",
        why="It could be mistaken for a stage, although the rollout only waits for it.",
        fix="List what has to be done first under a heading of its own.",
    )
    MISSING_YEAR = _warning(
        "A date has no year.",
        why="Weekdays, holidays and order cannot be checked without the year.",
        fix="Write the year: 2026-03-18.",
    )
    MALFORMED_DATE = _warning(
        "A date can't be read.", why="It cannot be put into a calendar.", fix="Write year-month-day: 2026-03-18."
    )
    DATE_RANGE_REVERSED = _warning(
        "A range ends before it begins.",
        why="One of the two days, or the year, is wrong.",
        fix="Write the year with both days, the earlier first.",
    )
    DATES_OUT_OF_ORDER = _warning(
        "A later stage starts before an earlier one.",
        why="Stages follow each other, and so do their days.",
        fix="Put the days in the order of the percentages.",
    )
    DATE_OUTSIDE_RANGE = _warning(
        "A stage lies outside the range of its phase.",
        why="Either the phase or the stage was moved, and the other was forgotten.",
        fix="Make the two agree.",
    )
    WEEKEND_DATE_VS_BUSINESS_DAY = _warning(
        "A stage starts on a Saturday or Sunday.",
        why="No one is there to watch, and traffic isn't that of a workday.",
        fix="Move it to a business day.",
    )
    HOLIDAY_DATE = _warning(
        "A stage starts on a federal holiday.",
        why="No one is there to watch, and traffic isn't that of a workday.",
        fix="Move it to a business day.",
    )
    RESULT_BEFORE_LAUNCH = _warning(
        "Results are written for a stage that has not started.",
        why="Results of something that has not happened were copied or guessed.",
        fix="Empty the results, or fix the date.",
    )
    PLACEHOLDER_LEFT = _warning(
        "An answer is still a placeholder.",
        why="Nothing is guessed in its place.",
        fix="Fill it in, or take the line out.",
    )


for _name, _kind in list(vars(Code).items()):  # a kind is called in findings as it is here
    if isinstance(_kind, FindingKind):
        setattr(Code, _name, replace(_kind, code=_name.lower()))


def diagnose(page: Page, kind: FindingKind, line: int, fragment: str, message: str) -> Finding:
    """Say `kind` of `fragment` on `line`; of the whole line when the fragment is empty or not there."""
    column, mark = page.place(line, fragment)
    return kind.at("", message, line=line, column=column, mark=min(mark, 120))
