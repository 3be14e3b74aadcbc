"""The use cases as something that can be stopped at every call: a tape of replies that stops them at its end.

A use case is a function of the replies that it got. So a run is its list of replies; to go one step, it is run again
from its start with one reply more, and stops at the next call. Runs are kept as a tree: what was run once is known.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from pydantic import BaseModel

from rampart.errors import RampartError
from rampart.plan.model import Plan
from rampart.rollout.gate import Gate
from rampart.rollout.request import RollbackRequest
from rampart.rollout.state import RolloutState


class Call(NamedTuple):
    """What a run asks of the outside next."""

    name: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """The call with what tells it from others."""
        if self.name == "store.commit":
            return f"store.commit({self.args[1]})"
        return f"{self.name}({', '.join(str(each) for each in self.args)})"


class Reply(NamedTuple):
    """What the outside answers."""

    value: Any = None
    error: type[RampartError] | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return self.error.__name__
        return "done" if self.value is None else str(self.value)


class Result(NamedTuple):
    """How a run ended."""

    value: Any = None
    error: RampartError | None = None


class StoppedError(BaseException):
    """The tape is at its end: the run waits for the reply to this call."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.name)
        self.call = call


class Kept:
    """A document that equals every other of its content, and is as quick to compare as a number."""

    __slots__ = ("model", "number")

    def __init__(self, model: Any, number: int) -> None:
        self.model = model
        self.number = number

    def __repr__(self) -> str:
        match self.model:
            case RolloutState() as state:
                intent = f", intent {state.intent.percent:g}%" if state.intent else ""
                return f"{state.status} {state.percent:g}%{intent}, epoch {state.epoch}"
            case Gate() as gate:
                return f"gate {gate.id}" + (", answered" if gate.answer else "")
            case RollbackRequest() as request:
                return f"rollback by {request.cause}"
            case dict() as output:
                return str(output.get("outcome", "the answer"))
        return type(self.model).__name__


class Library:
    """Everything that one exploration knows already: documents and runs."""

    def __init__(self, *, in_any_order: bool, freezes: bool = False) -> None:
        self._in_any_order = in_any_order
        self.freezes = freezes
        """Whether anyone may stop every advance."""
        self._documents: dict[Hashable, Kept] = {}
        self._roots: dict[Hashable, Node] = {}
        self._settled: dict[tuple[Node, int], tuple[Node, ...]] = {}
        self._numbers = count()

    def keep(self, model: Any) -> Kept:
        """The one copy of a document."""
        key = _key(model)
        found = self._documents.get(key)
        if found is None:
            found = self._documents[key] = Kept(model, len(self._documents))
        return found

    def start(self, name: str, program: Program, *args: Hashable) -> Node:
        """A run at its beginning."""
        key = (name, *args)
        found = self._roots.get(key)
        if found is None:
            found = self._roots[key] = Node(self, (name, program, *args), None, None)
        return found

    def settled(self, node: Node, now: int, moment: Callable[[int], datetime]) -> tuple[Node, ...]:
        """The run at its next call that the world must answer; several where it may go on in several orders."""
        known = self._settled.get((node, now))
        if known is None:
            match node.call:
                case Call("clock.now"):
                    known = self.settled(node.child(Reply(moment(now))), now, moment)
                case Call("either order") if not self._in_any_order:
                    known = self.settled(node.child(Reply(value=True)), now, moment)
                case Call("either order"):
                    replies = (Reply(value=True), Reply(value=False))
                    known = tuple(each for reply in replies for each in self.settled(node.child(reply), now, moment))
                case _:
                    known = (node,)
            self._settled[node, now] = known
        return known

    def number(self) -> int:
        """A number for the next run, so that runs can be put in order."""
        return next(self._numbers)


Program = Callable[["Tape"], object]
"""A use case with its arguments; its ports are on the tape."""


class Node:
    """A run after some replies: it waits for the reply to `call`, or it ended with `result`."""

    __slots__ = ("_children", "_library", "_parent", "_reply", "again", "call", "number", "result")

    def __init__(self, library: Library, again: tuple[Any, ...], parent: Node | None, reply: Reply | None) -> None:
        self.again = again
        """Name, program and arguments: what the same run begins with."""
        self.number = library.number()
        self.call: Call | None = None
        self.result = Result()
        self._library = library
        self._parent = parent
        self._reply = reply
        self._children: dict[Reply, Node] = {}
        try:
            self.result = Result(again[1](Tape(library, self._replies())))
        except StoppedError as stopped:
            self.call = stopped.call
        except RampartError as error:
            self.result = Result(error=error)

    def child(self, reply: Reply) -> Node:
        """The run one reply later."""
        found = self._children.get(reply)
        if found is None:
            found = self._children[reply] = Node(self._library, self.again, self, reply)
        return found

    @property
    def name(self) -> str:
        """The use case."""
        return str(self.again[0])

    @property
    def args(self) -> tuple[Any, ...]:
        """What it was begun with."""
        return self.again[2:]

    def _replies(self) -> list[Reply]:
        replies = []
        node: Node | None = self
        while node is not None and node._reply is not None:
            replies.append(node._reply)
            node = node._parent
        return replies[::-1]


class Tape(Executor):
    """Plays the replies that are known; the first call without one stops the run.

    It is also the pool of `rollback`: what is submitted may happen before any later call, and happens before its
    result is needed. Which of these, the exploration chooses.
    """

    def __init__(self, library: Library, replies: Sequence[Reply]) -> None:
        self.library = library
        self._replies = replies
        self._next = 0
        self._aside: Callable[[], Any] | None = None

    def ask(self, name: str, *args: Any) -> Any:
        """One call: the reply's value, or its error raised."""
        if self._aside is not None and name != "clock.now" and self._play(Call("either order")):
            self.catch_up()
        return self._play(Call(name, args))

    def _play(self, call: Call) -> Any:
        if self._next == len(self._replies):
            raise StoppedError(call)
        reply = self._replies[self._next]
        self._next += 1
        if reply.error is not None:
            raise reply.error(f"{call.name} failed")
        return reply.value

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Take work that is done next to what comes next."""
        self._aside = lambda: fn(*args, **kwargs)
        return _Awaited(self)

    def catch_up(self) -> None:
        """Do what was submitted, now."""
        work, self._aside = self._aside, None
        if work is not None:
            work()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave no work undone, unless the process ends here."""
        if kind is None or issubclass(kind, Exception):
            self.catch_up()


class _Awaited(Future[Any]):
    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def result(self, timeout: float | None = None) -> Any:
        self._tape.catch_up()


def _key(value: Any) -> Hashable:
    match value:
        case Plan():
            return value.rollout
        case BaseModel():
            return (type(value).__name__, *(_key(getattr(value, name)) for name in type(value).model_fields))
        case Mapping():
            return tuple(sorted((str(name), _key(each)) for name, each in value.items()))
        case list() | tuple():
            return tuple(_key(each) for each in value)
        case _:
            return value  # type: ignore[no-any-return]  # what is left in a document is plain
