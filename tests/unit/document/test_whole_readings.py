"""The reading as a whole: what is doubted before it is written, what was left unread, and what each pass made of it."""

from __future__ import annotations

import pytest

from rampart_cli.document import Bindings, Code, draft, read
from rampart_cli.document.bindings_file import read_bindings
from rampart_cli.document.lexicon import foreign_language
from rampart_cli.document.rendering import traced

from .conftest import TODAY, Read

PLAN = "# Harbor rollout plan\n\n## Stage A: 10% of users\n\n## Stage B: 100% of users\n"


@pytest.mark.parametrize(
    ("stages", "doubt"),
    [
        ("## Stage A: 50%\n\n## Stage B: 10%\n", "the shares don't rise: 50%, 10%"),
        ("## Stage A: 10%\n", "only one share was read, 10%"),
        ("## Stage A: 100%\n", "no share between 0% and 100% was read"),
        ("## Stage A: 10%\n\n## Stage B: 100%\n\n## Stage C: north\n", "line 7 names a stage after 100%"),
    ],
)
def test_stages_that_make_no_rollout_are_written_as_gaps_with_a_question(
    reading: Read, stages: str, doubt: str
) -> None:
    found = reading(f"# Rollout plan\n\n{stages}")
    written = draft(found.plans, source="page.md", bindings=Bindings())

    assert found.as_json()["doubts"] == [doubt]
    assert f"# QUESTION: {doubt}" in written
    assert "percent: !gap" in written
    assert "percent: 10 " not in written
    assert all(stage["percent"] is None for stage in found.as_json()["plans"][0]["stages"])


def test_shares_of_nothing_that_the_page_names_are_doubted(reading: Read) -> None:
    phases = "- Phase 1: 20%\n- Phase 2: 50%\n- Phase 3: 100%\n"

    assert reading(f"# Quay\n\n{phases}").as_json()["doubts"] == [
        "nothing on the page says what its shares are of: users, traffic, or another thing"
    ]
    assert reading(f"# Quay\n\nThe flag is off today.\n\n{phases}").as_json()["doubts"] == []
    # What is only told, and whose title speaks of a launch, doesn't say it.
    assert reading(f"# Quay\n\n{phases}\n## KPIs after launch\n\n- 40% of users\n").as_json()["doubts"] != []


@pytest.mark.parametrize(
    ("columns", "rows", "shares"),
    [
        ("New users | Cumulative", ["10% | 10%", "25% | 35%", "65% | 100%"], [10, 35, 100]),
        ("Cumulative | New users", ["10% | 10%", "35% | 25%", "100% | 65%"], [10, 35, 100]),
        ("New users | Error budget", ["10% | 10%", "25% | 35%", "65% | 100%"], [10, 25, 65]),
    ],
)
def test_the_column_whose_shares_rise_furthest_holds_the_stages(
    reading: Read, columns: str, rows: list[str], shares: list[float]
) -> None:
    body = "".join(f"| {number} | {row} |\n" for number, row in enumerate(rows, start=1))
    [plan] = reading(f"# Quay rollout\n\n| Wave | {columns} |\n|---|---|---|\n{body}").plans

    assert [stage.percent for stage in plan.stages] == shares


def test_a_rollout_that_rises_to_everyone_is_not_doubted(reading: Read) -> None:
    assert reading(PLAN).as_json()["doubts"] == []


def test_planned_lines_that_nothing_was_taken_from_are_listed(reading: Read) -> None:
    found = reading(f"{PLAN}\n## Notes\n\nThe crane crew wants 30% by noon.\n\n## Results\n\n- 40% had errors\n")

    assert [(line["line"], line["holds"]) for line in found.as_json()["unused"]] == [(9, ["share"])]
    assert "#   line 9 (share): The crane crew wants 30% by noon." in draft(
        found.plans, source="page.md", bindings=Bindings()
    )


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Schalter wird für die Nutzer eingeschaltet und ist nach der Stufe wieder aus.", "German"),
        ("La bandera se activa para los usuarios y el equipo revisa los errores.", "Spanish"),
        ("Le drapeau est activé pour les utilisateurs et nous revenons sur le taux.", "French"),
        ("The flag is on for the users of the harbor, and we watch it.", None),
        ("Die Casting rollout: the flag is on for 5% of users", None),
        ("Stage A: 5%", None),
    ],
)
def test_a_page_is_taken_for_another_language_by_its_small_words(text: str, language: str | None) -> None:
    assert foreign_language([text]) == language


def test_a_word_of_the_team_is_read_as_the_one_that_it_stands_for() -> None:
    page = b"# Harbor rollout\n\n- Sluice 1: 10% of skippers\n- Sluice 2: 100% of skippers\n"
    words = read_bindings("criteria: {}\nwords: {stage: [sluice], users: [skippers]}\n").words

    [plan] = read(page, today=TODAY, team=words).plans

    assert [(stage.percent, stage.letter) for stage in plan.stages] == [(10, "stage 1"), (100, "stage 2")]


def test_the_trace_names_every_pass_and_what_it_made(reading: Read) -> None:
    told = list(traced(reading(f"{PLAN}\n## Support\n\n- Stage F: 40% of users\n")))

    assert [line for line in told if not line.startswith(" ")] == [
        "lines", "statements", "candidates", "skeleton", "set aside", "plan",
    ]  # fmt: skip  # a list of words
    aside = told[told.index("set aside") + 1 : told.index("plan")]
    assert [line.split()[:2] for line in aside] == [["9", "40%"]]


def test_a_phase_that_lacks_criteria_is_said_once(reading: Read) -> None:
    names = ["Errors: < 1%", "Latency: < 800 ms", "Queue: < 50"]
    phases = "".join(
        f"## Phase {n}: {n}0%\n\n### Success criteria\n\n- {name}\n\n" for n, name in enumerate(names, start=1)
    )
    found = reading(f"# Harbor rollout\n\n{phases}")

    said = [d for d in found.diagnostics if d.kind is Code.CRITERION_MISSING_IN_PHASE]
    assert len(said) == len({d.line for d in said}) == len(names)


@pytest.mark.parametrize(
    ("title", "offer"),
    [
        ("Harbor rollout (2027)", "; 2027 is the only year on the page"),
        ("Harbor rollout 2026/2027", ""),
        ("Harbor", ""),
    ],
)
def test_a_day_without_a_year_is_offered_the_only_one_on_the_page(reading: Read, title: str, offer: str) -> None:
    stages = "## Stage A: 10% of users\n- Date: 2/9\n\n## Stage B: 100% of users\n- Date: 2/16\n"
    found = reading(f"# {title}\n\n{stages}")

    said = [d.message for d in found.diagnostics if d.kind is Code.MISSING_YEAR]
    assert said == [f"2/9 has no year{offer}", f"2/16 has no year{offer}"]
