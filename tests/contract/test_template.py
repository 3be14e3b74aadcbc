"""The template, the settings, the definitions and the sample events, held against each other."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from datadog_api_client import Configuration

from rampart.entry import settings
from rampart.plan.model import LAPSE_EVENTS
from rampart.rollout.notify import LEASE, WAIT
from rampart.rollout.state import SCHEMA_VERSION
from rampart.rollout.tick import REPEATED
from rampart_cli.doctor.checks import NEEDED
from tests.contract.template import FUNCTIONS, MACHINES, ROOT, actions, definition, statements
from tests.unit.functions.outage import CONCURRENCY


def test_the_template_knows_every_site_that_datadogs_client_knows(template: dict[str, Any]) -> None:
    [settings, *_] = Configuration().get_host_settings()  # type: ignore[no-untyped-call]  # untyped
    sites = settings["variables"]["site"]["enum_values"]
    assert set(template["Parameters"]["DatadogSite"]["AllowedValues"]) == set(sites)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_environment_is_what_its_settings_read(template: dict[str, Any], function: str) -> None:
    own = template["Resources"][f"{function}Function"]["Properties"]["Environment"]["Variables"]
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    model = getattr(settings, f"{function}Settings")

    given = {name for name in {**shared, **own} if not name.startswith(("POWERTOOLS_", "AWS_"))} - {"RELEASE"}

    assert given == {name.upper() for name in model.model_fields}


def test_what_doctor_needs_of_a_functions_environment_is_there(template: dict[str, Any]) -> None:
    of_functions = [template["Resources"][f"{name}Function"]["Properties"] for name in FUNCTIONS]
    every = [each["Environment"]["Variables"] for each in (*of_functions, template["Globals"]["Function"])]
    given = {name for variables in every for name in variables}
    assert given >= NEEDED


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_log_group_with_retention_and_an_alarm(template: dict[str, Any], function: str) -> None:
    resources = template["Resources"]

    assert resources[f"{function}Function"]["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": f"{function}Logs"}
    assert resources[f"{function}Logs"]["Properties"]["RetentionInDays"]
    dimensions = resources[f"{function}ErrorsAlarm"]["Properties"]["Dimensions"]
    assert dimensions == [{"Name": "FunctionName", "Value": {"Ref": f"{function}Function"}}]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_touch_named_resources_only(template: dict[str, Any], function: str) -> None:
    for statement in statements(template["Resources"][f"{function}Function"]):
        resources, action = statement["Resource"], statement["Action"]
        # Answering a token and reading metrics know no resource on AWS; everything else is named.
        known = ("states:SendTask", "cloudwatch:GetMetricData")
        is_nameless = all(name.startswith(known) for name in ([action] if isinstance(action, str) else action))
        assert is_nameless or "*" not in (resources if isinstance(resources, list) else [resources])
        assert not any("*" in name for name in action)


def test_a_lapsed_question_adds_the_events_that_the_plan_reckons_with() -> None:
    """Step Functions writes two events for a state, and four more for a task that waits for its token."""
    states = definition("rollout")["States"]
    lapsed = next(c["Next"] for c in states["AwaitApproval"]["Catch"] if "States.Timeout" in c["ErrorEquals"])
    way = [lapsed]
    while way[-1] != "AwaitApproval":
        way.append(states[way[-1]].get("Next") or states[way[-1]]["Default"])

    events = sum(6 if states[name]["Type"] == "Task" else 2 for name in way)

    assert events == LAPSE_EVENTS


def test_the_stream_still_tries_when_the_lease_of_a_killed_notify_is_over(template: dict[str, Any]) -> None:
    function = template["Resources"]["NotifyFunction"]["Properties"]
    stream = function["Events"]["Stream"]["Properties"]

    assert function["Timeout"] < LEASE.total_seconds()  # who is alive has not lost its claim
    # Before the last try all others waited, even if the stream lets no time pass; the first was the killed one.
    assert (stream["MaximumRetryAttempts"] - 1) * WAIT > LEASE
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_every_star_has_its_reason_beside_it() -> None:
    stars = [
        line for line in (ROOT / "template.yaml").read_text().splitlines() if re.search(r"Resource: ['\"]\*", line)
    ]

    unexplained = [line for line in stars if "#" not in line]

    assert len(stars) >= 5
    assert unexplained == []


def test_only_functions_that_write_flags_hold_what_writes_them(template: dict[str, Any]) -> None:
    """`evaluate` judges and must not act: it may neither end a wait nor free a flag."""
    may = actions(template["Resources"]["EvaluateFunction"])

    assert not may & {"states:SendTaskFailure", "dynamodb:DeleteItem", "states:StartExecution"}


def tasks(name: str) -> dict[str, dict[str, Any]]:
    return {state: body for state, body in definition(name)["States"].items() if body["Type"] == "Task"}


ALL_TASKS = [(machine, state) for machine in ("rollout", "decision") for state in tasks(machine)]


@pytest.mark.parametrize(("machine", "state"), ALL_TASKS)
def test_every_task_has_an_end_in_time(machine: str, state: str) -> None:
    task = tasks(machine)[state]

    assert "TimeoutSeconds" in task or "TimeoutSecondsPath" in task
    assert task["Retry"]


@pytest.mark.parametrize("state", tasks("rollout"))
def test_every_failure_in_flight_is_caught(state: str) -> None:
    """Whatever fails while a flag may be up leads to the rollback, never to an execution that just ends."""
    catches = tasks("rollout")[state]["Catch"]

    assert any("States.ALL" in catch["ErrorEquals"] for catch in catches)


def test_both_names_of_a_lapsed_heartbeat_lead_to_blind() -> None:
    bake = tasks("rollout")["Bake"]

    caught = {error: catch["Next"] for catch in bake["Catch"] for error in catch["ErrorEquals"]}

    assert caught["States.HeartbeatTimeout"] == caught["States.Timeout"] == "Blind"
    assert "HeartbeatSecondsPath" in bake


def test_a_lapsed_question_is_asked_again_with_fresh_evidence() -> None:
    waiting = tasks("rollout")["AwaitApproval"]

    caught = {error: catch["Next"] for catch in waiting["Catch"] for error in catch["ErrorEquals"]}

    assert waiting["TimeoutSecondsPath"] == "$.ask.seconds"
    assert caught["States.Timeout"] == "OpenBake"


def test_gates_open_only_for_the_live_attempt_at_its_stage() -> None:
    for name in ("Bake", "AwaitApproval", "AwaitSight"):
        update = tasks("rollout")[name]["Parameters"]["TransactItems"][0]["Update"]
        assert (
            update["ConditionExpression"]
            == "#status = :live AND #attempt = :attempt AND #stage = :stage AND #execution = :execution"
        )


def test_execution_data_stays_out_of_the_log(template: dict[str, Any]) -> None:
    for machine in MACHINES:
        assert template["Resources"][machine]["Properties"]["Logging"]["IncludeExecutionData"] is False


_SDK = re.compile(r"arn:\$\{Partition\}:states:::(?:aws-sdk:)?(\w+):(\w+)")
_NEEDS = {
    ("lambda", "invoke"): {"lambda:InvokeFunction"},
    ("dynamodb", "getItem"): {"dynamodb:GetItem"},
    ("sfn", "sendTaskSuccess"): {"states:SendTaskSuccess"},
    ("sfn", "startExecution"): {"states:StartExecution"},
}


def needed(task: dict[str, Any]) -> set[str]:
    match = _SDK.match(task["Resource"])
    assert match, task["Resource"]
    if match.groups() == ("dynamodb", "transactWriteItems"):
        items = (task.get("Parameters") or task["Arguments"])["TransactItems"]
        return {
            {
                "Update": "dynamodb:UpdateItem",
                "Put": "dynamodb:PutItem",
                "ConditionCheck": "dynamodb:ConditionCheckItem",
            }[kind]
            for item in items
            for kind in item
        }
    return _NEEDS[(match[1], match[2])]


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machines_role_allows_what_its_definition_does_and_nothing_else(
    template: dict[str, Any], machine: str
) -> None:
    """The local AWS does not enforce the roles of state machines, so they are derived from the definitions."""
    role = template["Resources"][machine]
    allowed = {action for action in actions(role) if not action.startswith("logs:")}

    assert allowed == set().union(*(needed(task) for task in tasks(MACHINES[machine]).values()))


def test_records_survive_the_stack(template: dict[str, Any]) -> None:
    table = template["Resources"]["Table"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["SSESpecification"]["SSEEnabled"] is True


def test_throttled_alerts_are_answered_so_that_datadog_sends_them_again(template: dict[str, Any]) -> None:
    responses = template["Resources"]["Api"]["Properties"]["GatewayResponses"]

    assert responses["THROTTLED"]["StatusCode"] == 503
    assert responses["QUOTA_EXCEEDED"]["StatusCode"] == 503


ASYNCHRONOUS = ("Evaluate", "Rollback")
DEAD_LETTERS = {"Fn::GetAtt": ["DeadLetters", "Arn"]}


@pytest.mark.parametrize("function", ASYNCHRONOUS)
def test_an_asynchronous_call_that_fails_for_good_is_kept(template: dict[str, Any], function: str) -> None:
    properties = template["Resources"][f"{function}Function"]["Properties"]

    assert properties["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": DEAD_LETTERS}


def test_every_event_that_cannot_be_delivered_is_kept(template: dict[str, Any]) -> None:
    """Rules leave it in the dead-letter queue, the stream too, and the rollback queue passes it on."""
    resources = template["Resources"]
    events = [
        event
        for function in FUNCTIONS
        for event in resources[f"{function}Function"]["Properties"].get("Events", {}).values()
    ]
    kept_by: dict[str, Callable[[dict[str, Any]], object]] = {
        "Schedule": lambda p: p["DeadLetterConfig"]["Arn"],
        "EventBridgeRule": lambda p: p["DeadLetterConfig"]["Arn"],
        "DynamoDB": lambda p: p["DestinationConfig"]["OnFailure"]["Destination"],
        "SQS": lambda p: resources[p["Queue"]["Fn::GetAtt"][0]]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"],
        "Api": lambda p: DEAD_LETTERS,  # synchronous: Datadog hears of it and sends it again
    }

    assert {event["Type"] for event in events} == set(kept_by)
    assert all(kept_by[event["Type"]](event["Properties"]) == DEAD_LETTERS for event in events)


def test_no_address_is_bound_to_one_partition() -> None:
    for path in (ROOT / "template.yaml", ROOT / "functions/rollout.asl.json", ROOT / "functions/decision.asl.json"):
        assert "arn:aws:" not in path.read_text()


def test_the_dashboard_is_json_whatever_the_stack_is_called(template: dict[str, Any]) -> None:
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(re.sub(r"\$\{[\w.:]+\}", "x", body))["widgets"]
    titles = " ".join(each["properties"]["title"] for each in widgets)
    for shown in ("Live rollouts", "Verdicts", "oldest evaluation", "rolled back", "Datadog", "Dead letters"):
        assert shown in titles


@pytest.mark.parametrize("function", FUNCTIONS)
def test_callers_name_an_alias_that_each_deployment_moves(template: dict[str, Any], function: str) -> None:
    """SAM publishes a version for new code only: new layers or parameters would never come into effect."""
    properties = template["Resources"][f"{function}Function"]["Properties"]
    assert template["Globals"]["Function"]["AutoPublishAlias"] == "live"
    assert properties["AutoPublishCodeSha256"] == {"Ref": "Release"}
    assert template["Globals"]["Function"]["Environment"]["Variables"]["RELEASE"] == {"Ref": "Release"}


def test_nobody_calls_a_function_past_its_alias() -> None:
    written = (ROOT / "template.yaml").read_text()
    assert not re.findall(r"GetAtt \w+Function\.Arn", written)
    assert not re.findall(r"ROLLBACK_FUNCTION: !Ref RollbackFunction$", written, re.MULTILINE)


def test_the_queue_cannot_take_the_accounts_concurrency(template: dict[str, Any]) -> None:
    rollback = template["Resources"]["RollbackFunction"]["Properties"]
    assert rollback["Events"]["Queue"]["Properties"]["ScalingConfig"] == {
        "MaximumConcurrency": {"Ref": "RollbackQueueConcurrency"}
    }
    assert template["Parameters"]["RollbackQueueConcurrency"]["Default"] == CONCURRENCY
    assert CONCURRENCY + REPEATED <= 5
    assert rollback["Timeout"] < 15  # what Datadog gives a webhook


@pytest.mark.parametrize("machine", MACHINES)
def test_every_role_takes_the_boundary_and_the_path_of_the_account(template: dict[str, Any], machine: str) -> None:
    for properties in (template["Resources"][machine]["Properties"], template["Globals"]["Function"]):
        assert properties["PermissionsBoundary"]["Fn::If"][1] == {"Ref": "PermissionsBoundaryArn"}
        assert properties["RolePath"] == {"Ref": "RolePath"}


def test_parameters_refuse_what_aws_would_refuse(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert len(parameters["LogRetentionDays"]["AllowedValues"]) == 22
    for value, fits in (("https://flags.example.gov/api", True), ("http://flags.example.gov/api", False)):
        assert bool(re.fullmatch(parameters["FlipperUrl"]["AllowedPattern"], value)) is fits
    for name in ("FlipperSecretName", "DatadogSecretName", "AlertSecretName"):
        assert not re.fullmatch(parameters[name]["AllowedPattern"], "arn:aws:secretsmanager:us-east-1:1:secret:x")
    for value, fits in (
        ("192.0.2.0/24", True),
        ("192.0.2.0/24,2001:db8::/32", True),
        ("192.0.2.0/24, 192.0.3.0/24", False),
    ):
        assert bool(re.fullmatch(parameters["AlertSourceRanges"]["AllowedPattern"], value)) is fits


def test_messages_and_notices_without_tls_are_refused(template: dict[str, Any]) -> None:
    carrying = {"AWS::SQS::Queue": ["sqs:SendMessage", "sqs:ReceiveMessage"], "AWS::SNS::Topic": "sns:Publish"}
    resources = template["Resources"]
    told = {name: carrying[each["Type"]] for name, each in resources.items() if each["Type"] in carrying}
    refused = {
        thing["Ref"]: statement["Action"]
        for each in resources.values()
        if each["Type"] in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for thing in each["Properties"].get("Queues", []) + each["Properties"].get("Topics", [])
    }
    assert len(told) == 5
    assert refused == told


def test_a_table_is_kept_and_a_failed_first_deployment_leaves_no_key(template: dict[str, Any]) -> None:
    assert template["Resources"]["NoticeKey"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_stack_says_in_which_version_it_stores(template: dict[str, Any]) -> None:
    assert template["Outputs"]["ItemsVersion"]["Value"] == str(SCHEMA_VERSION)
    assert template["Outputs"]["NobodyIsTold"]["Condition"] == "HasNoEmail"
