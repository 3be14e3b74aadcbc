"""A person who knows nothing but the notice can do the right thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rampart.evidence.verdict import Verdict
from rampart.rollout.event import EVERY_ROLLOUT, EventKind
from rampart.rollout.notice import Level, console_link, notice_of
from tests import notices
from tests.unit.rollout.world import ERRORS, FLAG, PLAN, ROLLOUT, World

Story = Callable[[World], None]
RUNBOOK = Path(notices.__file__).parents[1] / "docs" / "operating.md"
STORIES = pytest.mark.parametrize(
    ("story", "kind"), notices.STORIES, ids=[story.__name__ for story, _ in notices.STORIES]
)


def test_every_kind_of_event_has_a_notice() -> None:
    assert {kind for _, kind in notices.STORIES} == set(EventKind)


def test_the_page_shows_every_notice_as_it_is() -> None:
    assert notices.PAGE.read_text().splitlines() == list(notices.page()), "run `python -m tests.notices`"


@STORIES
def test_a_subject_says_what_and_which(story: Story, kind: EventKind) -> None:
    found = notices.notice(story, kind)
    names = {
        EventKind.REFUSED: ROLLOUT,
        EventKind.FROZEN: EVERY_ROLLOUT,
        EventKind.THAWED: EVERY_ROLLOUT,
        EventKind.UNRECORDED: FLAG,
        EventKind.DIGEST: "1 rollout open",
    }
    assert names.get(kind, "Letters from the new source") in found.subject
    assert len(found.subject) <= 100
    assert "\n" not in found.subject


@STORIES
def test_what_needs_a_person_says_what_to_do(story: Story, kind: EventKind) -> None:
    found = notices.notice(story, kind)
    if found.level in {Level.ACT, Level.PAGE}:
        if kind is EventKind.UNRECORDED:  # no rollout can do anything about it
            assert "turn it on again in Flipper" in found.text
            return
        assert "rampart " in found.text or kind is EventKind.REFUSED
        assert "Now: " in found.text or "Nothing changed." in found.text


@STORIES
def test_a_notice_is_plain_text_of_whole_sentences_without_what_only_machines_read(
    story: Story, kind: EventKind
) -> None:
    text = notices.notice(story, kind).text
    assert "{" not in text
    assert "None" not in text
    assert text.splitlines()[0].endswith((".", "?"))


@STORIES
def test_without_a_record_a_notice_says_what_happened_and_nothing_that_is_not_so(story: Story, kind: EventKind) -> None:
    known = notices.notice(story, kind)
    alone = notice_of("id", known.event, None, None, known.event.at)
    assert known.event.message[1:] in alone.text
    assert ("Nothing changed." in alone.text) is (kind is EventKind.REFUSED)
    assert "Now:" not in alone.text


@STORIES
def test_what_needs_a_person_links_to_its_section_of_the_runbook(story: Story, kind: EventKind) -> None:
    found = notices.notice(story, kind)
    linked = re.findall(r"^Runbook: docs/operating\.md#(.+)$", found.text, re.MULTILINE)
    assert len(linked) == (found.level in {Level.ACT, Level.PAGE})
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^##+ (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    }
    assert set(linked) <= headings


def test_the_times_are_in_the_plans_zone() -> None:
    assert "2026-03-10 12:00:00 EDT by rampart" in notices.notice(notices.asked, EventKind.ASKED).text


def test_a_criterion_that_is_only_told_has_its_own_verdict_in_a_question(world: World) -> None:
    tried = {"a stricter bar": {**PLAN["criteria"][ERRORS], "on_fail": "tell"}}
    world.measure(Verdict.PASS, "a stricter bar")
    world.start(criteria=PLAN["criteria"] | tried)
    world.advance()
    world.asked()
    notices.told_by_the_machine(world, EventKind.ASKED, "Approve?")
    event, state, gate = world.store.told[-1], world.state, world.store.gates[ROLLOUT]
    text = notice_of("id", event, state, gate, world.clock.now()).text
    assert "- pass, only tried out: a stricter bar" in text


def test_a_question_without_proof_asks_for_an_override() -> None:
    assert notices.notice(notices.asked, EventKind.ASKED).subject.startswith("APPROVE?")
    assert notices.notice(notices.asked_without_proof, EventKind.ASKED).subject.startswith("OVERRIDE?")


def test_a_question_about_the_end_says_so(world: World) -> None:
    notices.climb(world, 2)
    world.asked()
    notices.told_by_the_machine(world, EventKind.ASKED, "Waiting for approval to finish at 100%. Gate g")
    event, state, gate = world.store.told[-1], world.state, world.store.gates[ROLLOUT]
    subject = notice_of("id", event, state, gate, world.clock.now()).subject
    assert subject == "APPROVE? Letters from the new source finishing at 100%"


@pytest.mark.parametrize(
    ("execution", "host"),
    [
        ("arn:aws:states:eu-west-1:1:execution:r:x", "https://eu-west-1.console.aws.amazon.com/states/home"),
        ("arn:aws-us-gov:states:us-gov-west-1:1:execution:r:x", "https://console.amazonaws-us-gov.com/states/home"),
        ("arn:aws-cn:states:cn-north-1:1:execution:r:x", "https://console.amazonaws.cn/states/home"),
    ],
)
def test_the_console_is_that_of_the_partition(execution: str, host: str) -> None:
    link = console_link(execution)
    assert link.startswith(host)
    assert link.endswith(execution)


@pytest.mark.parametrize(("verdict", "told"), [(Verdict.FAIL, "fail"), (Verdict.NO_DATA, "no data")])
def test_a_question_does_not_call_all_well_what_is_only_tried_out_and_is_not(
    world: World, verdict: Verdict, told: str
) -> None:
    tried = {"a stricter bar": {**PLAN["criteria"][ERRORS], "on_fail": "tell"}}
    world.measure(verdict, "a stricter bar")
    world.start(criteria=PLAN["criteria"] | tried)
    world.advance()
    world.asked()
    event, state, gate = world.store.told[-1], world.state, world.store.gates[ROLLOUT]
    text = notice_of("id", event, state, gate, world.clock.now()).text
    assert f"All criteria that decide pass. Only tried out: a stricter bar ({told})." in text
    assert f"- {told}, only tried out: a stricter bar" in text


def test_moments_of_evidence_are_in_the_plans_zone_too(world: World) -> None:
    world.start()
    state = world.state
    assert state.event(world.clock.now(), EventKind.DRIFTED, "no data since 2026-03-10 13:00 UTC").message == (
        "no data since 2026-03-10 09:00 EDT"
    )
