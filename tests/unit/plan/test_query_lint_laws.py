"""What holds of every query: what a finding says to write hears nothing, and any text is read or left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rampart.plan.metric_query import metrics_in, parse, write
from rampart.plan.query_lint import lint_count, lint_value
from tests.unit.plan.linting import (
    TOTAL,
    fixed,
    part,
    query_of,
    rate,
    written,
)

TAGS = ["env:prod", "env:stag", "service:web", "service:w*", "!region:us", "status:5*", "status:200", "$env", "prod"]
METRICS = ["x", "letters.errors", "letters.requests", "trace.rack.errors", "trace.rack.hits", "other"]
scopes = st.lists(st.sampled_from(TAGS), max_size=3).flatmap(
    lambda tags: st.sampled_from([",".join(tags) or "*", " AND ".join(tags).replace("!", "NOT ") or "*"])
)
atoms = st.builds(
    lambda aggregator, metric, scope, by, after: f"{aggregator}{metric}{{{scope}}}{by}{after}",
    st.sampled_from(["sum:", "count:", "avg:", "p95:", ""]),
    st.sampled_from(METRICS),
    scopes,
    st.sampled_from(["", "", " by {host}"]),
    st.sampled_from(
        [".as_count()", ".as_count()", "", ".as_rate()", ".rollup(sum, 60)", ".rollup(avg)", ".fill(last)"]
    ),
)
FORMS = [
    "default_zero({0})", "per_second({0})", "({0})", "sum({0})", "max({0})", "week_before({0})", "top({0}, 3, 'max')",
    "{0} + {1}", "{0} - {1}", "{0} / {1}", "100 * {0}", "{0} * {1}", "0 * {0} + {1}", "1 - {0} / {1}", "-{0}",
    "{0} / 60",
]  # fmt: skip  # a table, many to a line
queries = st.recursive(
    atoms,
    lambda inner: st.builds(
        lambda form, one, two: form.format(one, two), st.sampled_from(FORMS), inner, inner.map(lambda q: f"({q})")
    ),
    max_leaves=4,
)


@given(errors=queries, total=queries, above=st.booleans())
def test_what_the_findings_say_to_write_hears_nothing(errors: str, total: str, above: bool) -> None:
    once = fixed(errors, total, above=above)
    assert rate(*once, above=above) == []
    assert fixed(*once, above=above) == once


@given(errors=queries, total=queries)
def test_each_part_is_written_in_one_way_whatever_is_found(errors: str, total: str) -> None:
    findings = rate(errors, total)
    assert len({(part(f), written(f)) for f in findings}) == len({part(f) for f in findings})
    assert all(written(f) != query_of(f) for f in findings)
    assert len({(part(f), f.kind) for f in findings}) == len(findings)


@given(query=queries)
def test_what_is_said_of_a_count_and_of_a_value_hears_nothing(query: str) -> None:
    for lint in (lint_count, lint_value):
        for finding in lint("c", query):
            assert lint("c", written(finding)) == []


@given(query=queries)
def test_a_query_is_written_as_it_was_read(query: str) -> None:
    node = parse(query)
    assert node is not None
    assert parse(write(node)) == node
    assert len(list(metrics_in(node))) == len(re.findall(r"[\w.]+\{(?!host)", query))


@given(text=st.text(alphabet="sumavg:x{}()., *+-/by1'as_count", max_size=60))
def test_any_text_is_read_or_left_alone(text: str) -> None:
    rate(text, TOTAL)
    lint_count("c", text)
    lint_value("c", text)


@pytest.mark.parametrize("text", ["(" * 3900, "abs(" * 900 + "sum:x{*}", "sum:x{*}" + "+sum:x{*}" * 400, "a" * 300_000])
def test_long_and_deep_text_is_handled(text: str) -> None:
    rate(text, text)
