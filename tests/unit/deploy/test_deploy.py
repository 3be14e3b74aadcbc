"""What is checked before a deployment, what SAM is told, and what people are told after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.__main__ import ANSWERS_FOR, is_broken, left_to_do, sam_arguments
from deploy.account import refuse_downgrade, session_of
from deploy.adopt import template_of_table
from deploy.section import CONFIGURATION, Environment, NotReadyError, read_section
from rampart.rollout.state import SCHEMA_VERSION
from rampart_cli.doctor.checks import CHECKS

WHOLE = """
[default.rampart.parameters]
account = "123456789012"
[default.deploy.parameters]
stack_name = "rampart"
region = "us-gov-west-1"
confirm_changeset = true
parameter_overrides = ["Architecture=x86_64", "FlipperUrl=https://flags.example.gov/api", "NoticeEmail=t@example.gov"]
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "samconfig.toml"
    path.write_text(WHOLE)
    return path


@pytest.fixture
def section(configuration: Path) -> Environment:
    return read_section("default", configuration)


def test_a_whole_section_says_where_and_for_which_processor(section: Environment) -> None:
    assert (section.account, section.region, section.stack) == ("123456789012", "us-gov-west-1", "rampart")
    assert section.parameters["Architecture"] == "x86_64"


@pytest.mark.parametrize("line", ["account", "region", "Architecture", "FlipperUrl"])
def test_a_section_that_leaves_something_open_is_refused_with_what_to_write(configuration: Path, line: str) -> None:
    kept = [each for each in WHOLE.splitlines() if not each.startswith(line)]
    configuration.write_text("\n".join(kept).replace(f'"{line}=', '"Other='))
    with pytest.raises(NotReadyError, match=f"{line}.* in "):
        read_section("default", configuration)


@pytest.mark.parametrize(
    ("region", "is_refused"), [("us-gov-west-1", False), ("us-east-2", False), ("eu-west-1", True)]
)
def test_fips_endpoints_are_refused_where_there_are_none(configuration: Path, region: str, is_refused: bool) -> None:
    text = WHOLE.replace("us-gov-west-1", region).replace('["Arch', '["FipsEndpoints=true", "Arch')
    configuration.write_text(text)
    if is_refused:
        with pytest.raises(NotReadyError, match="no FIPS endpoints of all services in eu-west-1"):
            read_section("default", configuration)
    else:
        assert read_section("default", configuration).region == region


def test_an_environment_that_is_not_there_is_refused_with_those_that_are(configuration: Path) -> None:
    with pytest.raises(NotReadyError, match="no environment 'prod'; it has default"):
        read_section("prod", configuration)


@pytest.mark.parametrize("environment", ["default", "staging", "production"])
def test_the_sections_as_they_come_name_their_processor_and_no_account(environment: str) -> None:
    with pytest.raises(NotReadyError) as told:
        read_section(environment, CONFIGURATION)
    assert "Architecture" not in str(told.value)
    assert "account" in str(told.value)


def test_the_functions_get_the_processor_that_the_layers_were_built_for() -> None:
    """The Makefile reads the same line of the same section, so neither can be another's."""
    makefile = (CONFIGURATION.parent / "Makefile").read_text()
    assert "ARCHITECTURE = $(if $(findstring Architecture=x86_64,$(SECTION)),x86_64,arm64)" in makefile
    assert "--guided" not in makefile
    assert "deploy: check-deploy build" in makefile


class Session:
    """AWS as another account's credentials find it."""

    def client(self, name: str) -> Session:
        assert name == "sts"
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "999999999999"}


def test_credentials_of_another_account_are_refused(section: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.account.boto3.Session", lambda **_: Session())
    with pytest.raises(NotReadyError, match="for account 999999999999, and default is in 123456789012"):
        session_of(section)


def test_an_older_rampart_is_not_deployed_over_a_newer_one() -> None:
    newer: Any = {"Outputs": [{"OutputKey": "ItemsVersion", "OutputValue": str(SCHEMA_VERSION + 1)}]}
    with pytest.raises(NotReadyError, match="Deploy the later Rampart"):
        refuse_downgrade(newer)
    same: Any = {"Outputs": [{"OutputKey": "ItemsVersion", "OutputValue": str(SCHEMA_VERSION)}]}
    nothing: Any = {"Outputs": []}
    for stack in (None, nothing, same):
        refuse_downgrade(stack)


def test_each_deployment_has_a_name_of_its_own_within_sams_first_ten_characters(section: Environment) -> None:
    names = set()
    for now in (1_795_000_000, 1_795_000_001):
        [release] = [each for each in sam_arguments(section, review=False, yes=True, now=now) if "Release=" in each]
        name = release.partition("=")[2].strip('"')
        assert name.isalnum()
        assert len(name) <= 10
        names.add(name)
    assert len(names) == 2


def test_a_pipeline_is_asked_nothing_and_a_review_changes_nothing(section: Environment) -> None:
    by_hand = sam_arguments(section, review=False, yes=False, now=0)
    assert "--no-confirm-changeset" not in by_hand
    assert "--no-confirm-changeset" in sam_arguments(section, review=False, yes=True, now=0)
    assert {"--no-execute-changeset", "--no-confirm-changeset"} <= {
        *sam_arguments(section, review=True, yes=False, now=0)
    }
    assert 'FlipperUrl="https://flags.example.gov/api"' in by_hand
    assert by_hand[by_hand.index("--region") + 1] == "us-gov-west-1"


def check(name: str, health: str, message: str, fix: str = "") -> dict[str, str]:
    return {"check": name, "health": health, "message": message, "fix": fix}


NO_ONE = check("subscribers", "problem", "No one gets notices", "Subscribe an address.")
ALARM = check("alarms", "problem", "the alarm DeadLetters is on", "See the runbook.")
FINE = check("stack", "ok", "the stack is CREATE_COMPLETE")


def test_what_is_left_to_do_begins_with_that_nobody_is_told(section: Environment) -> None:
    told = list(left_to_do(section, [FINE, ALARM, NO_ONE]))
    assert told[0] == "No one gets notices. Subscribe an address."
    assert any("rampart datadog sync" in line for line in told)
    assert any("AlertSourceRanges" in line for line in told)
    assert not any("CREATE_COMPLETE" in line for line in told)


def test_what_does_not_work_comes_before_all_else(section: Environment) -> None:
    unreached = check("outside", "problem", "the functions can't read Flipper's flags", "Check FlipperUrl.")
    [first, *_] = left_to_do(section, [NO_ONE, unreached])
    assert first == "FIX: the functions can't read Flipper's flags. Check FlipperUrl."


@pytest.mark.parametrize("health", ["ok", "warning", "unknown", "problem"])
@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_deployment_fails_by_its_own_problems_and_by_no_alarm_letter_or_address(name: str, health: str) -> None:
    """A first deployment has no confirmed subscriber, and an upgrade may be what empties the dead letters."""
    of_its_own = name in {"stack", "functions", "outside", "schedule", "endpoint"}
    assert is_broken(check(name, health, "told")) is (of_its_own and health == "problem")


def test_the_checks_of_a_deployment_are_checks_of_doctor() -> None:
    assert CHECKS.keys() > ANSWERS_FOR


def test_the_table_is_taken_over_as_the_template_has_it() -> None:
    table = template_of_table()["Resources"]["Table"]
    assert table["DeletionPolicy"] == "Retain"
    assert table["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
