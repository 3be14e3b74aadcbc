"""The alarms of the template, held against the runbook."""

import re
from typing import Any

import pytest

from tests.contract.template import ROOT, definition


def alarm(template: dict[str, Any], name: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][f"{name}Alarm"]["Properties"]
    return properties


ANY = ("GreaterThanOrEqualToThreshold", "notBreaching")


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "comparison", "silence"),
    [
        ("DeadLetters", "ApproximateNumberOfMessagesVisible", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("RollbackWaiting", "RollbacksUndone", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("AlertUndone", "AlertsUndone", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("RolloutsMissed", "RolloutsMissed", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("AlertRefused", "AlertsRefused", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("ClaimsUnread", "ClaimsUnread", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("RollbackThrottles", "Throttles", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("EvaluateThrottles", "Throttles", 1, "GreaterThanOrEqualToThreshold", "notBreaching"),
        ("RollbackQueueRetried", "ApproximateNumberOfMessagesNotVisible", 1, *ANY),
        ("RollbackQueueStuck", "ApproximateNumberOfMessagesVisible", 1, *ANY),
        ("RollbackSlow", "Duration", 10_000, *ANY),
        ("RollbackEventsDropped", "AsyncEventsDropped", 1, *ANY),
        ("RollbackDeadLetterErrors", "DeadLetterErrors", 1, *ANY),
        ("RolloutTimedOut", "ExecutionsTimedOut", 1, *ANY),
        ("RolloutAborted", "ExecutionsAborted", 1, *ANY),
        ("DecisionTimedOut", "ExecutionsTimedOut", 1, *ANY),
        ("DecisionBroken", "TriggeredRules", 1, *ANY),
        ("ScheduleUndelivered", "FailedInvocations", 1, *ANY),
        ("ExecutionEndedUndelivered", "FailedInvocations", 1, *ANY),
        ("ScheduleLost", "InvocationsFailedToBeSentToDlq", 1, *ANY),
        ("ExecutionEndedLost", "InvocationsFailedToBeSentToDlq", 1, *ANY),
        ("NoticesLate", "IteratorAge", 600_000, *ANY),
        ("NoticesUndelivered", "NumberOfNotificationsFailed", 1, *ANY),
        ("QuestionsUndelivered", "NumberOfNotificationsFailed", 1, *ANY),
        ("EvaluateSilent", "Invocations", 1, "LessThanThreshold", "breaching"),
    ],
)
def test_what_nobody_would_notice_is_an_alarm(
    template: dict[str, Any], name: str, metric: str, threshold: int, comparison: str, silence: str
) -> None:
    """What could not be done, a flag that stays up, an alert that is refused once, ticks that stopped."""
    properties = alarm(template, name)

    assert (properties["MetricName"], properties["Threshold"]) == (metric, threshold)
    assert (properties["ComparisonOperator"], properties["TreatMissingData"]) == (comparison, silence)


RUNBOOK = (ROOT / "docs" / "operating.md").read_text()
ALARMS = re.findall(r"^  (\w+)Alarm:$", (ROOT / "template.yaml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_when_it_is_over_and_links_to_the_runbook(template: dict[str, Any], name: str) -> None:
    properties = alarm(template, name)
    assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "PageTopic"}]
    assert properties["AlarmDescription"]["Fn::Sub"].endswith(f"${{RunbookUrl}}#{name.lower()}")
    assert f'<a id="{name.lower()}"></a>' in RUNBOOK


def test_no_alarm_is_set_off_by_a_strangers_request(template: dict[str, Any]) -> None:
    """The stage counts every call, a stranger's too; a hundred errors in five minutes aren't one stranger's slip."""
    of_the_stage = {
        name: alarm(template, name) for name in ALARMS if alarm(template, name)["Namespace"] == "AWS/ApiGateway"
    }
    assert {name: each["Threshold"] for name, each in of_the_stage.items()} == {"AlertsThrottled": 100}


def test_a_decision_that_fails_and_was_not_refused_is_kept_and_an_alarm(template: dict[str, Any]) -> None:
    states = definition("decision")["States"].values()
    refusals = {state["Error"] for state in states if state["Type"] == "Fail"}
    detail = template["Resources"]["DecisionBroken"]["Properties"]["EventPattern"]["detail"]
    assert set(detail["error"][0]["anything-but"]) == refusals
    assert alarm(template, "DecisionBroken")["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": "DecisionBroken"}}]
