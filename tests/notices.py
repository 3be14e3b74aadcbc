"""Every notice as people get it: `python -m tests.notices` plays each story again and writes docs/notices.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rampart.errors import FlagStoreError, RollbackUndoneError, StoreError
from rampart.evidence.verdict import Verdict
from rampart.rollout.cleanup import LookAfter
from rampart.rollout.digest import Digest
from rampart.rollout.event import Event, EventKind
from rampart.rollout.flag import FlagReading
from rampart.rollout.freeze import Freeze
from rampart.rollout.gate import DecisionKind, GateKind
from rampart.rollout.notice import Notice, notice_of
from rampart.rollout.request import Cause
from rampart.words import timestamp
from tests.machine_words import decision_says, rollout_says
from tests.unit.rollout.world import COMPLAINTS, ERRORS, EXECUTION, FLAG, PLAN, World

PAGE = Path(__file__).parents[1] / "docs" / "notices.md"
REASON = "Datadog monitor 4711 alerts: download errors"
_REFUSED = "Flipper answered 401 to GET /features/letters_api: fix the credentials in its secret"
_TITLE = "Letters from the new source"
_CRITERIA = PLAN["criteria"] | COMPLAINTS


_HEAD = """# Notices

This page shows every notice as people get it by mail; `python -m tests.notices` writes it.

Each event goes to the EventBridge bus, to Datadog, and to the SNS topic of its level:

| level | topic | |
|---|---|---|
| `page` | `PageTopic` | users may be exposed, and only a person can help; every alarm of the stack, too |
| `act` | `ActTopic` | it waits for a person |
| `know` | `KnowTopic` | nothing to do |
| `log` | none | for systems only |

Subscribe your pager to `PageTopic`, the team's mail or channel to `ActTopic`, and anyone who is curious to `KnowTopic`.
`NoticeEmail` subscribes one address to all three.

**Slack and Microsoft Teams.** Subscribe an [Amazon Q Developer][q] channel to the topics. It gets each notice in its
own [schema][custom], in one thread for each attempt, with facts as variables: `Rollout`, `Now`, `Console` and, where
it applies, `DecisionMachine`, `RollBack`, `Approve`. For a button that rolls back, add a [custom action][action] to
notifications whose `RollBack` is set:

```text
stepfunctions start-execution --state-machine-arn $DecisionMachine --input $RollBack
```

with the variables `DecisionMachine` = `event.metadata.additionalContext.DecisionMachine` and `RollBack` =
`event.metadata.additionalContext.RollBack`. The channel's role needs `ApproversPolicy`; AWS records that role as the
one who decided. `Approve` is set only where the plan asks for no numbers. Where Amazon Q isn't offered in your
partition, send the bus's events to your own integration.

**Programs** read the bus: source `rampart`, the kind as detail type, and as detail what
[event.schema.json](event.schema.json) describes. Its `version` rises when a field goes or changes its meaning; fields
may be added at any time.

[q]: https://docs.aws.amazon.com/chatbot/latest/adminguide/what-is.html
[custom]: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
[action]: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-actions.html

While a rollback isn't done, people are told again every five minutes, with the reason. A question that no one
answers is asked about again after four hours, or in the middle of its time if that is shorter.
"""


def climb(world: World, stage: int) -> None:
    """Start a rollout that people report on, and bring it to a stage."""
    world.start(title=_TITLE, criteria=_CRITERIA)
    world.advance()
    for _ in range(stage):
        world.advance(world.approved(complaints=0))


def told_by_the_machine(world: World, kind: EventKind, message: str, by: str = "rampart", **details: str) -> None:
    """An event that a state machine writes itself, with the message of its definition."""
    world.store.told.append(world.state.event(world.clock.now(), kind, message, by=by, **details))


def started(world: World) -> None:
    world.start(title=_TITLE, criteria=_CRITERIA)


def refused(world: World) -> None:
    world.flags.flags.clear()
    world.start(title=_TITLE, criteria=_CRITERIA)


def advanced(world: World) -> None:
    climb(world, 1)


def verdict_changed(world: World) -> None:
    climb(world, 1)
    world.open_gate()
    world.wait(minutes=40)
    world.tick()
    world.measure(Verdict.NO_DATA)
    world.wait(minutes=5)
    world.tick()


def tried_out(world: World) -> None:
    tried = {"a stricter bar": {**PLAN["criteria"][ERRORS], "on_fail": "tell"}}
    world.measure(Verdict.PASS, "a stricter bar")
    world.start(title=_TITLE, criteria=_CRITERIA | tried)
    world.advance()
    world.advance(world.approved(complaints=0))
    world.measure(Verdict.FAIL, "a stricter bar")
    world.open_gate()
    world.wait(minutes=40)
    world.tick()


def ask(world: World) -> str:
    """Wait until the machine asks people, as it does; the gate's id."""
    wanted = world.bake()
    gate = world.ask(wanted)
    message = rollout_says("AwaitApproval", {"now": wanted["now"], "gate": {"id": gate}})
    told_by_the_machine(world, EventKind.ASKED, message)
    return gate


def answer(world: World, gate: str, decision: DecisionKind, **reported: float) -> None:
    """Let a person answer, whom the machine then names."""
    world.answer(gate, decision, **reported)
    answered = world.store.gates[world.state.rollout]
    assert answered.answer is not None
    said = answered.answer.model_dump(mode="json")
    by = answered.answer.by
    told_by_the_machine(world, EventKind.DECIDED, decision_says(answered, said), by=by, decision=decision)


def asked(world: World) -> None:
    climb(world, 1)
    ask(world)


def asked_without_proof(world: World) -> None:
    climb(world, 1)
    world.measure(Verdict.INCONCLUSIVE)
    ask(world)


def approved(world: World) -> None:
    climb(world, 1)
    answer(world, ask(world), DecisionKind.APPROVE, complaints=0)


def overridden(world: World) -> None:
    climb(world, 1)
    answer(world, ask(world), DecisionKind.OVERRIDE, complaints=3)


def held(world: World) -> None:
    climb(world, 1)
    gate = world.approved(complaints=0)
    world.measure(Verdict.ERROR)
    world.wait(minutes=5)
    world.tick()
    world.advance(gate)


def drifted(world: World) -> None:
    climb(world, 1)
    world.open_gate()
    world.wait(minutes=10)
    world.flags.put(FlagReading(FLAG, percent=10))
    world.tick()


def unread(world: World) -> None:
    climb(world, 1)
    world.open_gate()
    world.flags.failure = FlagStoreError(_REFUSED)
    for _ in range(4):
        world.wait(minutes=1)
        world.tick()


def back(world: World) -> None:
    drifted(world)
    world.flags.put(FlagReading(FLAG, percent=25))
    world.wait(minutes=1)
    world.tick()


def restored(world: World) -> None:
    world.start(title=_TITLE, criteria=_CRITERIA, on_drift={"above": "restore"})
    world.advance()
    world.advance(world.approved(complaints=0))
    world.flags.put(FlagReading(FLAG, percent=80))
    world.tick()
    world.deliver()


def rolling_back(world: World) -> None:
    climb(world, 1)
    world.flags.failure = FlagStoreError(_REFUSED)
    try:
        world.roll_back(reason=REASON)
    except RollbackUndoneError:
        return


def rolled_back(world: World) -> None:
    climb(world, 1)
    world.roll_back(reason=REASON)


def unrecorded(world: World) -> None:
    world.flags.put(FlagReading(FLAG, percent=100))
    world.store.failure = StoreError("down")
    with suppress(RollbackUndoneError):
        world.roll_back(reason=REASON)
    world.store.failure = None
    world.redeliver()


def taken_down_again(world: World) -> None:
    rolled_back(world)
    world.flags.put(FlagReading(FLAG, percent=60))
    world.wait(minutes=5)
    world.tick()
    world.deliver()


def blind(world: World) -> None:
    climb(world, 1)
    gate = world.open_gate(GateKind.BLIND)
    message = rollout_says("AwaitSight", {"gate": {"id": gate}})
    told_by_the_machine(world, EventKind.BLIND, message)


def sighted(world: World) -> None:
    blind(world)
    world.wait(minutes=40)
    world.tick()


def resumed(world: World) -> None:
    rolled_back(world)
    world.wait(minutes=5)
    world.resume(1, f"{EXECUTION}-2", note="cache fixed")


def completed(world: World) -> None:
    climb(world, 2)
    world.advance(world.approved(complaints=0))


def cleanup(world: World) -> None:
    climb(world, 2)
    world.advance(world.approved(complaints=0))
    look_after = LookAfter(store=world.store, flags=world.flags, clock=world.clock)
    for _ in range(32):
        look_after(world.state.rollout)
        world.wait(days=1)


def abandoned(world: World) -> None:
    climb(world, 1)
    world.roll_back(Cause.ABANDON, reason="no longer needed", by="Ann")


def frozen(world: World) -> None:
    world.store.told.append(Freeze(by="Ann", note="an incident elsewhere", at=world.clock.now()).begun)


def thawed(world: World) -> None:
    freeze = Freeze(by="Ann", note="an incident elsewhere", at=world.clock.now())
    world.wait(hours=2)
    world.store.told.append(freeze.ended("Ben", world.clock.now(), "the incident is over"))


def digest(world: World) -> None:
    climb(world, 1)
    world.asked()
    Digest(store=world.store, clock=world.clock)()


STORIES: tuple[tuple[Callable[[World], None], EventKind], ...] = (
    (started, EventKind.STARTED),
    (refused, EventKind.REFUSED),
    (advanced, EventKind.ADVANCED),
    (verdict_changed, EventKind.VERDICT_CHANGED),
    (tried_out, EventKind.TRIED_OUT),
    (asked, EventKind.ASKED),
    (asked_without_proof, EventKind.ASKED),
    (approved, EventKind.DECIDED),
    (overridden, EventKind.DECIDED),
    (held, EventKind.HELD),
    (drifted, EventKind.DRIFTED),
    (unread, EventKind.DRIFTED),
    (back, EventKind.DRIFTED),
    (restored, EventKind.RESTORED),
    (rolling_back, EventKind.ROLLING_BACK),
    (rolled_back, EventKind.ROLLED_BACK),
    (unrecorded, EventKind.UNRECORDED),
    (taken_down_again, EventKind.TAKEN_DOWN_AGAIN),
    (blind, EventKind.BLIND),
    (sighted, EventKind.SIGHTED),
    (resumed, EventKind.RESUMED),
    (completed, EventKind.COMPLETED),
    (cleanup, EventKind.CLEANUP),
    (abandoned, EventKind.ABANDONED),
    (frozen, EventKind.FROZEN),
    (thawed, EventKind.THAWED),
    (digest, EventKind.DIGEST),
)


def notice(story: Callable[[World], None], kind: EventKind) -> Notice:
    """The newest notice of a kind at the end of a story."""
    world = World()
    world.flags.put(FlagReading(FLAG))
    story(world)
    event: Event = next(each for each in reversed(world.store.told) if each.kind is kind)
    event_id = f"{event.rollout}/EVENT#{timestamp(event.at)}#000007.0"
    state, gate = world.store.states.get(event.rollout), world.store.gates.get(event.rollout)
    return notice_of(event_id, event, state, gate, world.clock.now(), "docs/operating.md")


def page() -> Iterator[str]:
    """The lines of docs/notices.md."""
    yield from _HEAD.splitlines()
    for story, kind in STORIES:
        found = notice(story, kind)
        yield ""
        yield f"## {story.__name__.replace('_', ' ').capitalize()}"
        yield ""
        yield f"Level `{found.level}`, kind `{kind}`."
        yield ""
        yield "```text"
        yield f"Subject: {found.subject}"
        yield ""
        yield from (line.rstrip() for line in found.text.splitlines())
        yield "```"


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n")
