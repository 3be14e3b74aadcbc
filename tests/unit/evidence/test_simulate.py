"""`rampart plan simulate`: numbers for machines, a sentence for each stage for people, a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from rampart_cli.commands.simulate import plan_simulate
from rampart_cli.failures import InputError

PLAN = """
rollout: claim-letters-lighthouse
owner: benefits-management-tools
flags: [cst_claim_letters_use_lighthouse_api_provider]
timezone: America/New_York
bucket: 1h
{traffic}
criteria:
  index error rate: {{kind: rate, errors: e, total: t, below: 1%, scope: cohort, baseline: 0.1%, clump: 1}}
  complaints: {{kind: reported, at_most: 0}}
stages:
  - {{name: Canary, percent: 1, hold: 4d}}
  - {{percent: 100, hold: 1d}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN.format(traffic="traffic: 400/hour"))
    return file


def simulate(plan: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(plan_simulate)
    return CliRunner().invoke(app, [str(plan), "--runs", "50", *options])


def test_each_stage_and_rate_gets_its_chances(plan: Path) -> None:
    document = json.loads(simulate(plan, "--json").stdout)
    canary, last = document["outlooks"]
    assert (canary["stage"], canary["criterion"]) == ("Canary (1%)", "index error rate")
    assert canary["requests"] == pytest.approx(376)  # 94 whole hours
    assert canary["pass_chance"] == 0
    assert last["pass_chance"] > 0.99
    assert [fault["multiple"] for fault in last["faults"]] == [2, 5]
    assert last["faults"][1]["rollback_chance"] == 1
    assert 0 < last["faults"][1]["rollback_seconds"] < 4 * 3600
    assert document["false_rollback_chance"] == 0
    assert document["false_rollback_guarantee"] == pytest.approx(0.12)
    assert [each["code"] for each in document["warnings"]] == ["cannot_prove"]


def test_people_are_told_the_chance_of_a_false_rollback(plan: Path) -> None:
    told = " ".join(simulate(plan).stdout.split())
    assert "A false rollback somewhere in the rollout: < 6% for a healthy flag; never more than 12%" in told
    assert "cannot be proven there to be below 1%" in told


def test_each_stage_gets_one_sentence_and_the_table_is_for_those_who_ask(plan: Path) -> None:
    lines = [line for line in " ".join(simulate(plan).stdout.split()).split("- ") if " hold" not in line]
    canary, last = (line.partition(". ")[0] for line in lines[:2])
    assert canary == (
        "Canary (1%), for 4d: a healthy flag passes in 0% of cases, and is rolled back by mistake in < 6%; a bad one "
        "is rolled back this often: index error rate: 20% at 2x (after 46.4 hours), 100% at 5x (after 29.3 hours)"
    )
    assert last.startswith("100%, for 1d: a healthy flag passes in 100% of cases")
    assert "100% at 5x (after " in last
    assert "falsely rolled back" not in simulate(plan).stdout
    assert "falsely rolled back" in simulate(plan, "--table").stdout


def test_a_person_sees_what_is_simulated_now(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    @contextmanager
    def working(text: str, *, as_json: bool) -> Iterator[Callable[[str], None]]:
        yield told.append

    monkeypatch.setattr("rampart_cli.commands.simulate.working", working)
    simulate(plan)
    assert told == ["Simulating index error rate at Canary (1%) …", "Simulating index error rate at 100% …"]


def test_the_chances_can_be_drawn(plan: Path, tmp_path: Path) -> None:
    picture = tmp_path / "power.svg"
    assert simulate(plan, "--plot", str(picture)).exit_code == 0
    assert b"<?xml" in picture.read_bytes()[:100]
    assert isinstance(simulate(plan, "--plot", str(tmp_path / "power.gif")).exception, InputError)


def test_traffic_may_be_given_where_the_plan_has_none(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN.format(traffic=""))
    assert isinstance(simulate(file).exception, InputError)
    assert isinstance(simulate(file, "--traffic", "lots").exception, InputError)
    assert json.loads(simulate(file, "--traffic", "4000/hour", "--json").stdout)["outlooks"][0]["pass_chance"] > 0.5


def test_a_plan_without_a_rate_has_nothing_to_simulate_and_needs_no_traffic(tmp_path: Path) -> None:
    file, picture = tmp_path / "plan.yaml", tmp_path / "power.svg"
    rate = "index error rate: {{kind: rate, errors: e, total: t, below: 1%, scope: cohort, baseline: 0.1%, clump: 1}}"
    file.write_text(PLAN.replace(rate, "refunds: {{kind: count, query: c, at_most: 3}}").format(traffic=""))
    assert "no criterion of kind rate" in " ".join(simulate(file).stdout.split())
    document = json.loads(simulate(file, "--json").stdout)
    assert (document["outlooks"], document["false_rollback_chance"], document["warnings"]) == ([], 0, [])
    assert isinstance(simulate(file, "--plot", str(picture)).exception, InputError)
    assert not picture.exists()


def test_a_large_plan_is_simulated_less_often_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    stages = "".join(f"  - {{percent: {percent}, hold: 1d}}\n" for percent in range(1, 41))
    before, _, _ = PLAN.format(traffic="traffic: 400/hour").partition("stages:")
    file.write_text(f"{before}stages:\n{stages}")
    app = typer.Typer()
    app.command()(plan_simulate)
    found = CliRunner().invoke(app, [str(file)])
    assert "simulating 40 stages and rates, 150 times each" in found.stderr
    assert json.loads(CliRunner().invoke(app, [str(file), "--json"]).stdout)["runs"] == 150
    assert json.loads(CliRunner().invoke(app, [str(file), "--json", "--runs", "10"]).stdout)["runs"] == 10
