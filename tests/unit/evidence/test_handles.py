"""Whom an alert notifies: a handle counts where the alert's first notification shows it, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.evidence.handles import webhooks_notified

HANDLE = "@webhook-rampart-letters"
NEVER_ON_AN_ALERT = [
    "is_recovery",
    "is_alert_recovery",
    "is_warning_recovery",
    "is_no_data_recovery",
    "is_no_data",
    "is_warning",
    "is_alert_to_warning",
    "is_unknown",
    "is_renotify",
]
PERHAPS = ['is_match "env.name" "prod"', 'is_exact_match "host.name" ""', "is_priority 'P1'", "something_new"]


def reaches(message: str) -> bool:
    return webhooks_notified(message) == ("webhook-rampart-letters",)


def block(condition: str, text: str, sign: str = "#", otherwise: str = "") -> str:
    end = condition.partition(" ")[0]
    return f"{{{{{sign}{condition}}}}}{text}{f'{{{{else}}}}{otherwise}' if otherwise else ''}{{{{/{end}}}}}"


@pytest.mark.parametrize("text", [HANDLE, f"Look: {HANDLE}.", f"{HANDLE}, @you", f"\n{HANDLE}\n", f"({HANDLE})"])
def test_a_handle_outside_of_every_block_is_reached(text: str) -> None:
    assert reaches(text)


@pytest.mark.parametrize(
    "text", ["", "Look!", "@you", "me@webhook-rampart-letters", "webhook-rampart-letters", "@webhook-"]
)
def test_what_is_not_a_handle_reaches_nobody(text: str) -> None:
    assert webhooks_notified(text) == ()


@pytest.mark.parametrize("condition", NEVER_ON_AN_ALERT)
def test_a_block_that_an_alert_does_not_show_reaches_nobody(condition: str) -> None:
    assert not reaches(block(condition, HANDLE))
    assert reaches(block(condition, HANDLE, sign="^"))
    assert reaches(block(condition, "well", otherwise=HANDLE))
    assert not reaches(block(condition, "well", sign="^", otherwise=HANDLE))


def test_an_alerts_own_block_is_shown_and_its_opposite_is_not() -> None:
    assert reaches(block("is_alert", HANDLE))
    assert not reaches(block("is_alert", HANDLE, sign="^"))
    assert not reaches(block("is_alert", "broken", otherwise=HANDLE))
    assert reaches(block("is_alert", "well", sign="^", otherwise=HANDLE))


@pytest.mark.parametrize("condition", PERHAPS)
@pytest.mark.parametrize("sign", ["#", "^"])
def test_what_depends_on_the_alert_may_go_out_on_both_sides(condition: str, sign: str) -> None:
    assert reaches(block(condition, HANDLE, sign))
    assert reaches(block(condition, "else", sign, otherwise=HANDLE))
    assert not reaches(block("is_recovery", block(condition, HANDLE, sign)))


@pytest.mark.parametrize(
    "spelling", ["{{# is_recovery }}", "{{ #is_recovery}}", "{{~#is_recovery~}}", "{{#is_recovery  }}"]
)
def test_blocks_are_read_however_their_marks_are_spaced(spelling: str) -> None:
    assert not reaches(f"{spelling}{HANDLE}{{{{/is_recovery}}}}")
    assert reaches(f"{spelling}well{{{{/is_recovery}}}}{HANDLE}")


def test_a_comment_notifies_nobody_and_opens_nothing() -> None:
    assert not reaches(f"{{{{!-- {HANDLE} --}}}}")
    assert not reaches(f"{{{{! {HANDLE} }}}}")
    assert reaches(f"{{{{!-- {{{{#is_recovery}}}} --}}}} {HANDLE}")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"{{{{#is_recovery}}}} {HANDLE}", False),  # never closed
        (f"{{{{/is_recovery}}}} {HANDLE}", True),  # never opened
        (f"{{{{#is_recovery}}}}{{{{#is_match 'a' 'b'}}}}{{{{/is_recovery}}}} {HANDLE}", True),
        (f"{{{{#is_alert}}}}{{{{#is_recovery}}}}{{{{/is_alert}}}} {HANDLE}", True),
        (f"{{{{else}}}} {HANDLE}", True),
        (f"{{{{#is_alert}}}} {HANDLE} {{{{", True),
        (f"{{{{!-- {HANDLE}", True),
    ],
)
def test_blocks_that_do_not_match_are_read_as_far_as_they_go(message: str, expected: bool) -> None:
    assert reaches(message) is expected


def test_each_handle_is_named_once_in_its_order() -> None:
    message = "@webhook-b @webhook-a {{#is_alert}}@webhook-b{{/is_alert}} {{#is_recovery}}@webhook-c{{/is_recovery}}"
    assert webhooks_notified(message) == ("webhook-b", "webhook-a")


SHOWN = st.sampled_from(["#is_alert", "^is_recovery", "^is_warning", "#is_match 'a' 'b'", "^is_renotify"])
HIDDEN = st.sampled_from(["^is_alert", *(f"#{condition}" for condition in NEVER_ON_AN_ALERT)])


@given(around=st.lists(st.one_of(SHOWN.map(lambda c: (c, True)), HIDDEN.map(lambda c: (c, False))), max_size=6))
def test_a_handle_is_reached_exactly_if_an_alert_shows_every_block_around_it(around: list[tuple[str, bool]]) -> None:
    text = HANDLE
    for condition, _ in around:
        text = f"{{{{{condition}}}}} a {text} b {{{{/{condition[1:].partition(' ')[0]}}}}}"
    assert reaches(text) is all(shown for _, shown in around)


@given(st.text(alphabet="{}#^/!-~ \nais_lert@webhook", max_size=400))
def test_any_text_is_read(message: str) -> None:
    assert all(handle.startswith("webhook-") for handle in webhooks_notified(message))


@pytest.mark.parametrize("part", ["{{!", "{{!--", "{{#a", "{{" + " " * 50, "@webhook-.", "{{#is_recovery}}", "a" * 50])
def test_a_long_message_takes_no_long_time(part: str) -> None:
    """Read at every look: a pattern that looks at everything again for every mark would take minutes for this."""
    webhooks_notified(part * 20_000)


def test_a_handle_after_more_text_than_anybody_writes_does_not_count() -> None:
    assert reaches(" " * 40_000 + HANDLE)
    assert not reaches(" " * 60_000 + HANDLE)
