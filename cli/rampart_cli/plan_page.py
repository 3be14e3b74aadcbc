"""The documentation's page of a plan's keys, written from the model: `make docs`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rampart_cli.plan_schema import plan_schema

_HEAD = """# The plan

A plan is one YAML file. Every key is listed here with its default and its meaning; `rampart plan check` shows what is
wrong with a plan, with the line. [plan.schema.json](plan.schema.json) is for editors: with this as the first line of a
plan, most of them complete keys and explain them.

```yaml
# yaml-language-server: $schema=plan.schema.json
```

`rampart plan schema > plan.schema.json` writes the schema of the version you have. Write durations as `90s`, `2m`,
`4h`, `4d` or `1w`, and holds also as `1 business day`. This page is made from the code by `make docs`.
"""
_SECTIONS = (
    ("Plan", "The plan", "At the top of the file."),
    ("Stage", "`stages`", "A list; each stage rises above the one before."),
    ("RateSpec", "`criteria`: `kind: rate`", "Errors out of requests, judged statistically at every evaluation."),
    (
        "CompareSpec",
        "`criteria`: `kind: compare`",
        "The new path's error rate against a control's: the old path at the same time, or the week before.",
    ),
    ("CountSpec", "`criteria`: `kind: count`", "A sum over the stage, such as dead letters."),
    ("ValueSpec", "`criteria`: `kind: value`", "A gauge or a percentile: a point that is compared, not a test."),
    ("ReportedSpec", "`criteria`: `kind: reported`", "A number that a person attests with an approval."),
    ("Calendar", "`calendar`", "When an advance may happen. A rollback always may."),
    ("OnDrift", "`on_drift`", "When someone else changes the flag."),
)
_EXAMPLES = {
    "rollout": "claim-letters",
    "title": "Claim letters from Lighthouse",
    "owner": "benefits-management-tools",
    "flags": "[cst_claim_letters]",
    "timezone": "America/New_York",
    "monitors": "[4711]",
    "webhook": "rampart-letters",
    "links": '{"The flag": "https://flags.example.gov/features/letters"}',
    "name": "Canary",
    "percent": "25%",
    "groups": "[staff]",
    "actors": '["User;1"]',
    "fully_on": "true",
    "users": "500",
    "hold": "1 business day",
    "errors": '"sum:letters.errors{*}.as_count()"',
    "total": '"sum:letters.requests{*}.as_count()"',
    "query": '"sum:letters.dead{*}.as_count()"',
    "control_errors": '"sum:letters.errors{provider:old}.as_count()"',
    "control_total": '"week_before(sum:letters.requests{*}.as_count())"',
    "up_to": "75",
    "clump": "3",
    "environment": "staging",
    "settle": "2m",
    "lag": "2m",
    "look_every": "5m",
    "bucket": "5m",
    "watch": "15m",
    "approval_lapses": "24h",
    "for": "15m",
    "detector": "100",
    "closed": '["2026-12-24..2027-01-02"]',
    "criteria": "see below",
    "stages": "see below",
    "calendar": "see below",
    "on_drift": "see below",
}
_FILLED_IN = {"clump_source", "history"}
"""What only Rampart itself writes into a plan, when it pins it."""


_QUERIES = """## Queries

A query without a source is a metric query of Datadog, as its metrics explorer shows it. Every other query names its
source:

```yaml
errors: "sum:letters.requests{provider:new,status:5*}.as_count()"
total: {logs: {search: "service:letters @provider:new", index: main}}
query: {spans: {search: "service:letters resource_name:download status:error"}}
errors: {apm_metrics: {stat: errors, service: letters, query_filter: "env:prod,provider:new"}}
total: {cloudwatch: {namespace: Letters, metric: Requests, dimensions: {Path: new}}}
```

Errors and total of a rate must come from one source; different criteria, and the two paths of a comparison, may come
from different ones. `rampart datadog sync` makes monitors for what Datadog counts; for CloudWatch, make an alarm of
your own if you want one.

### `logs` and `spans`

The events that a search finds are counted. The search is in the syntax of Datadog's explorers. What a filter leaves out
of the index is left out here too, and spans are a sample unless a retention filter keeps them all. They come later than
metrics: set `lag` to what your pipeline takes.

### `apm_metrics`

What Datadog counts of every request of a service, kept or not: `stat: hits` and `stat: errors` for counts,
`latency_p99` and the like for a `value`. `operation_name`, `resource_name`, `span_kind` and `query_filter` (tags,
with commas) say which. The keys are those of Datadog's own request.

### `cloudwatch`

One metric of the stack's region, with all of its dimensions, since CloudWatch takes each set of dimensions for a
metric of its own. `stat` is `Sum` unless you say otherwise; `SampleCount` counts the values, and `TC(0.8:)` those
above 0.8. Or metric math:

```yaml
errors:
  cloudwatch:
    expression: "FILL(e4, 0) + FILL(e5, 0)"
    metrics:
      e4: {namespace: AWS/ApiGateway, metric: 4XXError, dimensions: {ApiName: letters}}
      e5: {namespace: AWS/ApiGateway, metric: 5XXError, dimensions: {ApiName: letters}}
```

`FILL(…, 0)` matters: a sum has no value where one of its parts has none. Each metric must be named: an expression
can't search for them (`SEARCH`, `METRICS`, `SELECT`). The metrics are those of the stack's own account, or of the
account whose role is the parameter `CloudWatchRoleArn`. CloudWatch keeps buckets of one minute for 15 days, of five
minutes for 63, and of one hour for 455: a `bucket` that is finer than that can no longer be read, and
`week_before(…)` reads seven days further back.

### The week before

`week_before(…)` shifts a metric query of Datadog or a query of CloudWatch by seven days. Logs, spans, and APM metrics
can't be shifted.

```yaml
control_total: "week_before(sum:letters.requests{*}.as_count())"
control_total: {week_before: {cloudwatch: {namespace: Letters, metric: Requests}}}
```

### Latency

A latency's bar is a rate too: requests slower than 800 ms, out of all, below 1%. Where the source can count them:

```yaml
errors: "count(v: v>0.8):trace.rack.request{service:letters}.as_count()"  # a distribution in seconds
total: "count:trace.rack.request{service:letters}.as_count()"
```
```yaml
errors: {logs: {search: "service:letters @duration:>800000000"}}  # nanoseconds
total: {logs: {search: "service:letters @duration:*"}}
```
```yaml
errors: {spans: {search: "service:letters resource_name:download @duration:>800000000"}}  # nanoseconds
total: {spans: {search: "service:letters resource_name:download"}}
```
```yaml
errors: {cloudwatch: {namespace: AWS/ApiGateway, metric: Latency, dimensions: {ApiName: letters}, stat: "TC(800:)"}}
total: {cloudwatch: {namespace: AWS/ApiGateway, metric: Latency, dimensions: {ApiName: letters}, stat: SampleCount}}
```

The last one is in milliseconds. CloudWatch counts so only where it has single values (a service's latency, or values
that are put one by one), not where a publisher adds them up beforehand.

`apm_metrics` gives percentiles and no counts above a threshold; the `trace.*` metrics of the first example are the same
requests.
"""


def plan_page() -> str:
    """The page, in Markdown."""
    schema = plan_schema()
    models = {"Plan": schema, **schema["$defs"]}
    sections = ("\n".join(_section(models[name], title, told)) for name, title, told in _SECTIONS)
    return "\n".join([_HEAD, *sections, _QUERIES])


def _section(model: Mapping[str, Any], title: str, told: str) -> Iterator[str]:
    yield from (f"## {title}", "", told, "", "| key | default | meaning | example |", "|---|---|---|---|")
    required = set(model.get("required", ()))
    for key, said in sorted(model["properties"].items(), key=lambda each: each[0] not in required):
        if key not in _FILLED_IN and key != "kind":
            yield _row(key, said, is_required=key in required)
    yield ""


def _row(key: str, said: Mapping[str, Any], *, is_required: bool) -> str:
    default = "required" if is_required else _written(said.get("default"))
    example = f"`{key}: {_EXAMPLES.get(key) or _example(said)}`" if _EXAMPLES.get(key) != "see below" else "see below"
    cells = (f"`{key}`", default, f"{said.get('description', '')}{_choices(said)}", example)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _written(default: object) -> str:
    if default is None or default == []:
        return "none"
    if isinstance(default, Mapping):
        return "see below"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _example(said: Mapping[str, Any]) -> str:
    """One of the values that the schema itself names."""
    for each in (said, *said.get("anyOf", ())):
        if each.get("examples"):
            return str(each["examples"][0])
    choices = _values(said)
    default = said.get("default")
    return next((each for each in choices if each != default), str(default if default is not None else "1"))


def _choices(said: Mapping[str, Any]) -> str:
    values = _values(said)
    return f" ({', '.join(f'`{each}`' for each in values)})" if values else ""


def _values(said: Mapping[str, Any]) -> list[str]:
    """The values of a closed list; the schema keeps them under the list's own name."""
    name = str(said.get("$ref", "")).rpartition("/")[2]
    listed = plan_schema()["$defs"].get(name, {})
    return [str(each) for each in listed.get("enum", ())]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(plan_page(), encoding="utf-8")
