"""What YAML reads otherwise than people write it, in plans and in bindings."""

from __future__ import annotations

from pathlib import Path

import pytest

from rampart_cli.document import BindingsError
from rampart_cli.document.bindings_file import read_bindings
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.plan_file import read_plan

PLAN = """\
rollout: letters
owner: benefits
flags: [letters_api]
timezone: America/New_York
calendar: {{closed: [2026-12-24, 2026-12-28..2027-01-02]}}
monitors: [77]
criteria:
  errors: {{kind: rate, errors: e, total: t, below: 1%, scope: cohort, clump: {clump}}}
stages:
  - {{percent: {percent}, users: {users}, hold: 4d}}
"""


def plan_file(folder: Path, *, clump: str = "3", percent: str = "1", users: str = "1_000") -> Path:
    path = folder / "plan.yaml"
    path.write_text(PLAN.format(clump=clump, percent=percent, users=users))
    return path


def test_dates_need_no_quotes(tmp_path: Path) -> None:
    plan = read_plan(plan_file(tmp_path)).plan
    assert [f"{first}..{last}" for first, last in plan.calendar.closed] == [
        "2026-12-24..2026-12-24",
        "2026-12-28..2027-01-02",
    ]
    assert plan.stages[0].users == 1000


@pytest.mark.parametrize("written", ["true", "yes", "on", "Yes", "ON", "True"])
def test_a_boolean_is_not_a_number_of_a_plan_however_yaml_spells_it(tmp_path: Path, written: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_plan(plan_file(tmp_path, percent=written, users=written, clump=written))
    told = {problem.where: problem.message for problem in refused.value.problems}
    assert told == dict.fromkeys(
        ("stages.0.percent", "stages.0.users", "criteria.errors.clump"),
        "`true` isn't a number; YAML reads yes, on and true as true",
    )


@pytest.mark.parametrize("written", [".inf", "-.inf", ".nan", "1" + "0" * 400, "1e999"])
def test_a_number_that_cannot_be_counted_with_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_plan(plan_file(tmp_path, percent=written, users=written, clump=written))
    assert {problem.where for problem in refused.value.problems} == {
        "stages.0.percent",
        "stages.0.users",
        "criteria.errors.clump",
    }


@pytest.mark.parametrize("written", ["010", "0x10", "0b11", "1:30", "1:30.5"])
def test_a_number_that_yaml_reads_as_another_is_refused_with_its_place(tmp_path: Path, written: str) -> None:
    """YAML takes 010 for 8 and 1:30 for 90."""
    with pytest.raises(InputError, match=r"line 10, column 15: YAML reads '.*' as another number"):
        read_plan(plan_file(tmp_path, percent=written))


def test_a_key_that_yaml_takes_for_a_boolean_is_asked_for_in_quotes(tmp_path: Path) -> None:
    path = plan_file(tmp_path)
    path.write_text(path.read_text().replace("  errors: {", "  yes: {"))
    with pytest.raises(InputError, match="YAML reads 'yes' as true"):
        read_plan(path)


@pytest.mark.parametrize("value", ["true", "yes", ".inf", "1" + "0" * 400])
def test_bindings_take_no_boolean_for_a_number_either(value: str) -> None:
    with pytest.raises(BindingsError, match=r"at_most: .*(isn't a number|finite number|too large)"):
        read_bindings(f"criteria: {{complaints: {{kind: reported, at_most: {value}}}}}")
