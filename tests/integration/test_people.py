"""Who may run which command: every command is run with every policy, and IAM's answer is the policy's own."""

from __future__ import annotations

from functools import cache

import pytest

from rampart_cli.failures import ExitCode
from tests.integration import people
from tests.integration.people import COMMANDS, PAGE, POLICIES, Said
from tests.integration.test_roles import called_by_the_command_line

run = cache(people.run)
LOOKING = {"list", "status", "explain", "events", "evaluations", "report", "freeze", "thaw"}
OF_APPROVERS = {"approve", "override", "rollback", "resume", "abandon"}
OF_OPERATORS = {"start", "dead-letters list", "dead-letters redrive", "alerts"}
MAY = {"ApproversPolicy": LOOKING | OF_APPROVERS, "OperatorsPolicy": LOOKING | OF_OPERATORS}


@pytest.mark.parametrize("command", COMMANDS)
def test_with_every_permission_each_command_does_its_work(command: str) -> None:
    said: Said = run(command, None)
    assert (said.ended, said.refused) == (0, frozenset())
    assert any(each.action == "cloudformation:DescribeStacks" for each in said.needed)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_holder_of_one_policy_alone_can_do_what_the_docs_tell_that_role_to_do(command: str, policy: str) -> None:
    said: Said = run(command, policy)
    assert bool(said.refused) is (command not in MAY[policy])
    assert (said.ended == 0) is (command in MAY[policy])


def test_an_operators_doctor_checks_everything_but_the_secret_token() -> None:
    said: Said = run("doctor", "OperatorsPolicy")
    assert (said.ended, set(said.refused)) == (ExitCode.REFUSED, {"secretsmanager:GetSecretValue"})
    assert said.needed == run("doctor", None).needed


def test_the_page_says_who_may_do_what_as_it_is() -> None:
    assert PAGE.read_text() == people.page(PAGE.read_text()), "run `python -m tests.integration.people`"


def test_every_call_of_the_command_line_is_made_by_one_of_the_commands() -> None:
    """A command that asks AWS for something new must be in the table."""
    asked = {each.action.replace("states:", "stepfunctions:").lower() for c in COMMANDS for each in run(c, None).needed}
    by_their_own_rights = {"secretsmanager.describe_secret", "sts.get_caller_identity", "cloudformation.get_template"}
    known = {action.partition(":")[0] + "." + action.partition(":")[2] for action in asked} | {
        "lambda.invoke",
        "stepfunctions.getexecutionhistory",  # why a start was refused
    }
    called = {name.replace("_", "") for name in called_by_the_command_line() - by_their_own_rights}
    assert called <= known
