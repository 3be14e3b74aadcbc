"""Whatever people write into a title, a tag or a scope, the alert is read: the flag must not stay up for its sake."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rampart.alert.payload import read_alert
from rampart.alert.reading import MOST_BYTES, text_of
from rampart.errors import AlertUnreadableError
from tests.unit.alert.door import NOW, TOKEN, Door

DATE = str(int(NOW.timestamp() * 1000))
FLAGS = ("letters_api", "mobile:letters")
START = '{"transition": "TRANSITION", "monitor": "12345", '
ORDERS = {
    "only the title moved": START + '"cycle": "987", "date": "DATE", "flags": "FLAGS", "title": "TITLE"}',
    "the title last": START + '"date": "DATE", "flags": "FLAGS", "cycle": "987", "title": "TITLE"}',
    "the title after the cycle": START + '"cycle": "987", "title": "TITLE", "date": "DATE", "flags": "FLAGS"}',
    "over several lines": '{\n  "title" : "TITLE",\n  "transition" : "TRANSITION",\n'
    '  "monitor" : "12345",\n  "date" : "DATE",\n  "flags" : "FLAGS"\n}\n',
    "without blanks": '{"transition":"TRANSITION","monitor":12345,"title":"TITLE","date":DATE,"flags":["FLAGS"]}',
    "tags around it": START + '"tags": "TITLE", "flags": "FLAGS", "date": "DATE", "scope": "TITLE", "title": "down"}',
    "the title twice": START + '"title": "TITLE", "flags": "FLAGS", "date": "DATE", "status": "TITLE: is high"}',
    "a broken cycle": START + '"cycle": "TITLE", "date": "DATE", "flags": "FLAGS", "title": "down"}',
}
PUBLISHED = ["the title last", "only the title moved", "the title after the cycle"]
BROKEN = [
    'index "letters" is slow', "two\nlines", "two\r\nlines", "a\ttab", "C:\\temp\\x", "\\", '"', '\\"', "\\u12",
    '<a href="https://example.org/?a=1&b=2">graph</a>', "\x00\x01\x1f\x7f", "}", "{", '"}', '"]', '": "', '", "',
    '"flags": "other"', '"flags": ["other"]', '", "flags": "other', '"flags": "not a flag"', '"flags": ', '"flags": "',
    '"flags": [', '", "flags": ["', '"flags": null, "monitor": {}', '", "flags": null, "x": "', '"title": "',
    '"transition": "Recovered"', '", "transition": "Recovered", "x": "', '", "transition": null, "x": "',
    '"transition": ', '"transition": "', '", "monitor": "666', '", "date": "1', f'", "date": "{int(DATE) - 10**7}',
    'down [TEST]', '"title": "[TEST] x"', '", "title": "[TEST] x', '", "x": {"y": "z', 'a"}, "b": "c',
    '"flags": "' + ",".join(f"f{n}" for n in range(30)) + '"',
    "x" * 5000, '"' * 5000, "\ufeff", "\ufffe", "\ud800", "\\ud800", "é🚀\u2028", "$EVENT_TITLE",
]  # fmt: skip  # a table, many to a line

fragments = st.sampled_from(BROKEN) | st.text(max_size=5) | st.text('"\\{}[]:, \n\t', max_size=5)
titles = st.lists(fragments, max_size=5).map("".join) | st.text()


def body(order: str, title: str, transition: str = "Triggered", date: str = DATE) -> str:
    """The payload as Datadog sends it if it fills in texts as they are."""
    flags = '","'.join(FLAGS) if "[" in ORDERS[order] else ", ".join(FLAGS)
    filled = {"TRANSITION": transition, "DATE": date, "FLAGS": flags, "TITLE": title}
    return re.sub("|".join(filled), lambda name: filled[name[0]], ORDERS[order])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("title", BROKEN, ids=ascii)
def test_a_triggered_alert_rolls_back_whatever_its_title_does_to_the_json(order: str, title: str) -> None:
    door = Door()
    assert door.post_text(body(order, title)) == (200, {"outcome": "rolled_back", "rollouts": ["letters"]})
    (request,) = door.asked
    assert set(request.flags) >= set(FLAGS)
    assert request.monitor == "12345"


@pytest.mark.parametrize("order", PUBLISHED)
@pytest.mark.parametrize("between", ["", ", ", "}"])
def test_a_title_that_names_any_number_of_flags_crowds_none_out(order: str, between: str) -> None:
    alert = read_alert(body(order, '", ' + between.join(f'"flags": "f{n}"' for n in range(2000))))
    assert set(alert.flags) >= set(FLAGS)
    assert len(alert.flags) <= 100, "one answer of the table"


@pytest.mark.parametrize("order", PUBLISHED)
def test_a_title_that_holds_one_long_list_of_flags_crowds_none_out(order: str) -> None:
    names = ",".join(f"f{n}" for n in range(2000))
    assert set(read_alert(body(order, f'", "flags": "{names}')).flags) >= set(FLAGS)


@settings(max_examples=500)
@given(st.sampled_from(PUBLISHED), titles, st.sampled_from(["Triggered", "Recovered", "Warn", "Re-Triggered"]))
@example("the title last", '\\"', "Triggered")
def test_transition_monitor_and_flags_are_those_of_the_alert_and_never_a_titles(
    order: str, title: str, transition: str
) -> None:
    alert = read_alert(body(order, title, transition))
    assert (alert.transition, alert.monitor) == (transition, "12345")
    assert set(alert.flags) >= set(FLAGS)


@given(st.sampled_from(sorted(ORDERS)), titles)
def test_in_any_order_whatever_is_bad_now_rolls_back(order: str, title: str) -> None:
    door = Door()
    if not title.lstrip().startswith("[TEST]"):
        assert door.post_text(body(order, title))[0] == 200
        assert set(FLAGS) <= set(door.asked[0].flags)


@given(st.sampled_from(PUBLISHED), titles)
def test_as_bytes_and_cut_in_the_middle_of_a_letter_it_is_read_as_well(order: str, title: str) -> None:
    whole = body(order, "é" + title).encode("utf-8", "surrogatepass").replace("é".encode(), b"\xe9", 1)
    door = Door()
    event = {
        "headers": {"X-Rampart-Token": TOKEN},
        "body": base64.b64encode(whole).decode(),
        "isBase64Encoded": True,
    }
    assert door.event(event)["statusCode"] == 200
    assert set(FLAGS) <= set(door.asked[0].flags)


@pytest.mark.parametrize("order", PUBLISHED)
@pytest.mark.parametrize(
    "title",
    ['"transition": "Triggered"', '", "transition": "Triggered", "x": "', 'a", "transition": "Triggered'],
    ids=ascii,
)
def test_a_title_turns_no_recovery_into_an_alert(order: str, title: str) -> None:
    door = Door()
    status, answer = door.post_text(body(order, title, "Recovered"))
    assert (status, answer["outcome"]) == (200, "ignored")
    assert door.asked == []


def test_a_date_before_the_title_counts_and_one_the_title_contradicts_does_not() -> None:
    """An old alert that is played again stays too old; a title must not make a new one old."""
    old, quoted = str(int(DATE) - 1_200_000), f'", "date": "{DATE}'
    assert Door().post_text(body("the title last", quoted, date=old))[1]["outcome"] == "ignored"
    assert Door().post_text(body("the title last", '"', date=old))[1]["outcome"] == "ignored"
    assert Door().post_text(body("the title after the cycle", '"', date=old))[1]["outcome"] == "ignored"
    assert Door().post_text(body("the title after the cycle", f'", "date": "{old}'))[1]["outcome"] == "rolled_back"


def test_of_two_transitions_after_a_title_the_one_that_rolls_back_counts() -> None:
    for quoted, true in (("Recovered", "Triggered"), ("Triggered", "Recovered")):
        text = body("over several lines", f'", "transition": "{quoted}', true)
        assert read_alert(text).transition == "Triggered"


# Keys that stand there twice, in valid JSON.


def test_of_two_transitions_and_monitors_the_first_counts_and_of_flags_all() -> None:
    alert = read_alert(
        '{"transition": "Triggered", "transition": "Recovered", "monitor": 1, "monitor": 2, '
        '"flags": "a", "flags": ["b"]}'
    )
    assert (alert.transition, alert.monitor, set(alert.flags)) == ("Triggered", "1", {"a", "b"})


@pytest.mark.parametrize("order", PUBLISHED)
def test_a_key_that_a_title_spells_with_escapes_does_not_count(order: str) -> None:
    """JSON's own rule is that the last one of equal keys wins."""
    text = body(order, '", "transi\\u0074ion": "Recovered", "mon\\u0069tor": "666')
    assert json.loads(text)["transition"] == "Recovered"
    alert = read_alert(text)
    assert (alert.transition, alert.monitor) == ("Triggered", "12345")


def test_a_readable_document_is_validated_despite_line_breaks_in_its_title() -> None:
    text = body("the title last", "two\nlines").replace(", ".join(FLAGS), "web,$FLAG")
    assert Door().post_text(text)[1]["why"] == "flags.1: isn't a valid flag name"


def test_fields_that_a_title_moves_into_an_object_are_found_there() -> None:
    text = START + '"tags": "a", "x": {"b": "c", "flags": "FLAG", "scope": "d"}, "e": "f", "title": "g"}'
    alert = read_alert(text.replace("TRANSITION", "Triggered").replace("FLAG", "letters_api"))
    assert alert.flags == ("letters_api",)


@pytest.mark.parametrize(
    ("flags", "why"),
    [("not a flag", "flags.0: isn't a valid flag name"), ("$FLAGS", "$FLAGS was not substituted"), ("", "no flag")],
)
def test_one_who_names_no_valid_flag_is_told_so_whatever_the_title_does(flags: str, why: str) -> None:
    text = body("the title last", 'say "x"').replace(", ".join(FLAGS), flags)
    status, answer = Door().post_text(text)
    assert status == 400
    assert why in answer["why"]


@pytest.mark.parametrize("missing", ["transition", "monitor", "flags"])
@pytest.mark.parametrize("title", ["down", 'say "x"'])
def test_what_is_really_missing_is_400_and_named(missing: str, title: str) -> None:
    text = body("the title last", title).replace(f'"{missing}"', '"other"')
    status, answer = Door().post_text(text)
    assert (status, answer["why"]) == (400, f"{missing}: is missing")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("down", "body: isn't JSON, and no transition, monitor, or flags can be found in it"),
        ('"transition": ', "body: isn't JSON"),
        ("[]", "body: must be a JSON object"),
        ("3", "body: must be a JSON object"),
    ],
)
def test_what_is_not_an_alert_at_all_gets_a_400(text: str, why: str) -> None:
    status, answer = Door().post_text(text)
    assert status == 400
    assert why in answer["why"]


# What is told about it.


@pytest.mark.parametrize("order", PUBLISHED)
@pytest.mark.parametrize(
    ("title", "told"),
    [
        ('index "letters" is slow', 'index "letters" is slow'),
        ("two\nlines", "two lines"),
        ("C:\\temp", "C:\temp"),
        ("\\", "\\"),
        ("a}", "a}"),
        ("\x00nothing\x1b[0m", "nothing [0m"),
        ("\ud800", ""),
    ],
    ids=ascii,
)
def test_the_title_is_told_as_it_was_written_as_far_as_it_can_be_shown(order: str, title: str, told: str) -> None:
    assert read_alert(body(order, title)).title == told.replace("\t", " ")


@pytest.mark.parametrize("order", PUBLISHED)
@pytest.mark.parametrize(
    "title", ['[TEST] say "x"', " [TEST] \\", "[TEST] two\nlines", '[TEST] <a href="x">'], ids=ascii
)
def test_a_test_notification_with_a_broken_title_is_still_a_test(order: str, title: str) -> None:
    door = Door(held=dict.fromkeys(FLAGS, "letters"))
    status, answer = door.post_text(body(order, title))
    assert (status, answer["why"]) == (200, "a test notification: it would roll back letters")
    assert door.asked == []


# A token where it does not belong.


@given(st.sampled_from(PUBLISHED), titles, st.data())
def test_a_token_is_found_in_what_is_no_json_too(order: str, title: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([letter, f"\\u{ord(letter):04x}"])) for letter in TOKEN]
    door = Door()
    status, answer = door.post_text(body(order, f'{title} " {"".join(letters)} {title}'))
    assert status == 400
    assert "$RAMPART_TOKEN" in answer["why"]
    assert TOKEN not in json.dumps(answer)
    assert door.asked == []


# Anyone who has the token cannot make it slow.

PIECES = [
    '"flags":', '"flags":[', '"flags":["a",', '"flags":"', '"flags":"....', '"title":"', '"title":"[TEST]', '"cycle"',
    '"x":', '","', '"', "\\", "\\u", " ", "a", "9", "{", "[", '{"a":', '"transition":"x",', '"monitor":-', "a,",
    '"title"' + " " * 500, '"cycle":' + " " * 500, '"' + " " * 300 + "}", "a" * 199 + "!,",
]  # fmt: skip  # a table, many to a line


@pytest.mark.parametrize("start", ["", '{"title": "', '"flags":"', '"cycle":', START + '"flags": "a", "title": "'])
@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: ascii(piece[:20]))
def test_the_longest_body_is_read_in_linear_time(start: str, piece: str) -> None:
    """Measured at 0.1 s at the most; what is quadratic takes minutes."""
    text = (start + piece * MOST_BYTES)[: MOST_BYTES - 2] + '"}'
    began = time.process_time()
    Door().post_text(text)
    assert time.process_time() - began < 2


def test_longer_ones_are_refused_before_they_are_read() -> None:
    with pytest.raises(AlertUnreadableError, match=f"more than {MOST_BYTES}"):
        text_of(START + "x" * MOST_BYTES)
