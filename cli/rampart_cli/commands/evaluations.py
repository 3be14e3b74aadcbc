"""`rampart evaluations`: what was judged, and judging it again."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from rampart.words import percentage, weekday_and_second
from rampart_cli.console import show, table, verdict_text, words, working
from rampart_cli.failures import RefusedError
from rampart_cli.options import DEFAULT_STACK, AsJson, Last, RolloutName, StackName
from rampart_cli.view import evaluation_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rampart.rollout.evaluation import Evaluation
    from rampart_cli.replay import Replay
    from rampart_cli.stack import Stack

ReplayThem = Annotated[
    bool,
    typer.Option(
        "--replay", help="Feed the stored evidence to the rule again and compare; exit code 1 if any differs."
    ),
]


def evaluations(
    ctx: typer.Context,
    rollout: RolloutName,
    *,
    last: Last = None,
    replay: ReplayThem = False,
    stack_name: StackName = DEFAULT_STACK,
    as_json: AsJson = False,
) -> None:
    """List a rollout's evaluations, oldest first; with --replay, judge the stored evidence again."""
    stack: Stack = ctx.obj(stack_name)
    state = stack.state(rollout)
    found = _oldest_first(stack, rollout, last)
    if replay:
        from rampart_cli.replay import Replaying

        # One after the other, since thousands with their evidence are a lot to hold.
        with working("Judging the stored evidence again …", as_json=as_json):
            done = list(map(Replaying(state.plan, state.plan_hash), found))
        _show_replays(rollout, done, as_json=as_json)
        return
    with working("Reading the evaluations …", as_json=as_json):
        found = list(found)
    rows = [
        (
            weekday_and_second(each.at, state.plan.zone),
            str(each.attempt),
            percentage(each.percent),
            verdict_text(each.verdict.value),
            "\n".join(str(judgement["message"]) for judgement in each.judgements),
        )
        for each in found
    ]
    columns = ("when", "attempt", "at", "verdict", "in words")
    show([evaluation_view(each) for each in found], table(columns, rows), as_json=as_json)


def _oldest_first(stack: Stack, rollout: str, last: int | None) -> Iterable[Evaluation]:
    if last is None:
        return stack.records.evaluations(rollout)
    return list(islice(stack.records.evaluations(rollout, newest_first=True), last))[::-1]


def _show_replays(rollout: str, done: Sequence[Replay], *, as_json: bool) -> None:
    different = [each for each in done if not each.same]
    if different:
        raise RefusedError(
            f"{len(different)} of {len(done)} evaluations are judged otherwise now",
            name="ReplayDiffers",
            fix="Another rule version or another plan judged them; the differences are listed.",
            problems=[difference for each in different for difference in each.problems()],
        )
    told = f"{len(done)} evaluations replayed: every one gives its stored verdict again"
    show({"rollout": rollout, "replayed": len(done), "different": []}, words(told, "green"), as_json=as_json)
