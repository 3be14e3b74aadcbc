"""Requests that someone hostile or mistaken sends to the alert endpoint; drawn from a seed, so that they repeat."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

TOKEN_HEADER = "X-Rampart-Token"
DAY = 80_000_000
YEAR = 31 * 10**9
"""Milliseconds, nearly: beyond them no alert can be, and its time counts as not said."""
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Attack:
    """One request, and the one status that it may be answered with."""

    kind: str
    status: int
    headers: Headers
    body: bytes
    method: str = "POST"
    path: str = ""
    """What comes after the endpoint's own path."""


@dataclass(frozen=True)
class Attacker:
    """Knows the flag and the form of a true alert; what is sent with the token shows what even its holder cannot do."""

    random: Random
    token: str
    flag: str

    def attacks(self, count: int) -> Iterator[Attack]:
        """Give `count` attacks of every kind, mixed; half of them without the token."""
        makers: list[Callable[[], Attack]] = [self.stranger] * 10 + [self.gibberish] * 8 + [self.harmless] * 2
        for _ in range(count):
            yield self.random.choice(makers)()

    def alert(self, **changes: Any) -> dict[str, Any]:
        """What would take the flag down."""
        known = {"transition": "Triggered", "monitor": "4711", "date": "0", "flags": self.flag}
        return {**known, "cycle": "1", "title": "down", **changes}

    def true_alert(self) -> Attack:
        """What Datadog sends when it is bad."""
        return Attack("true alert", 200, ((TOKEN_HEADER, self.token.encode()),), json.dumps(self.alert()).encode())

    # Without the token: refused, whatever the body says.

    def stranger(self) -> Attack:
        """A true alert from someone who does not have the token, or does not show it where it belongs."""
        body = json.dumps(self.alert()).encode() if self.random.random() < 0.8 else self._gibberish_body()
        attack = Attack("stranger", 401, (), body)
        kind = self.random.randrange(4)
        if kind == 0:
            return replace(attack, kind="no token", headers=self._noise())
        if kind == 1:
            return replace(attack, kind="nearly the token", headers=((TOKEN_HEADER, self._nearly()),))
        if kind == 2:
            return replace(attack, kind="random token", headers=((self._cased(TOKEN_HEADER), self._text_bytes(200)),))
        return self._misplaced(attack)

    def _nearly(self) -> bytes:
        token, at = self.token, self.random.randrange(len(self.token))
        other = "A" if token[at] != "A" else "B"
        tries = [
            token[:at] + other + token[at + 1 :], token[:at], token + other, token[::-1], token.swapcase(),
            f"Bearer {token}", f'"{token}"', f"{token},{token}", token.encode().hex(), "null", "*",
            "$RAMPART_TOKEN", token + "\xa0",
        ]  # fmt: skip  # a table, many to a line
        return self.random.choice([each for each in tries if each != token]).encode("latin-1")

    def _misplaced(self, attack: Attack) -> Attack:
        token = self.token.encode()
        places: list[dict[str, Any]] = [
            {"headers": (("Authorization", b"Bearer " + token),)},
            {"headers": (("Cookie", b"x-rampart-token=" + token),)},
            {"headers": (("X-Rampart-Token-", token),)},
            {"headers": (("X_Rampart_Token", token),)},
            {"path": f"?x-rampart-token={self.token}"},
            {"body": json.dumps(self.alert(token=self.token, **{TOKEN_HEADER: self.token})).encode()},
        ]
        return replace(attack, kind="misplaced token", **self.random.choice(places))

    # With the token: what cannot be understood is refused by name, what isn't a reason moves nothing.

    def gibberish(self) -> Attack:
        """A body that isn't an alert, from someone who has the token."""
        return Attack("gibberish", 400, self._known(), self._gibberish_body())

    def harmless(self) -> Attack:
        """A true alert that isn't a reason to roll back."""
        now = int(time.time() * 1000)
        changes: list[dict[str, Any]] = [
            {"date": str(now - self.random.randrange(1_000_000, YEAR))},
            {"date": (now - self.random.randrange(1_000_000, YEAR)) // 1000},
            {"date": now + self.random.randrange(1_000_000, DAY)},
            {"transition": self.random.choice(["Recovered", "Warn", "No Data", "Re-Warn", "WARN recovered ", "Null"])},
            {"title": f"[TEST] {self._text(20)}"},
        ]
        body = json.dumps(self.alert(title="TITLE") | self.random.choice(changes))
        return Attack("harmless", 200, self._known(), body.replace("TITLE", self._broken_title()).encode())

    def _broken_title(self) -> str:
        """What stands in a title as it is, and may break the JSON around it."""
        titles = [
            "down", 'the "letters" are down', "\\", "two\nlines", "\x00", "\\u12", "{", '"}', '<a href="x">', "[TEST",
            '", "transition": "Triggered', '"transition": "Triggered"', '", "date": "0', '", "flags": "a',
            '", "x": {"y": "z',
        ]  # fmt: skip  # a table, many to a line
        return self.random.choice(titles)

    def _known(self) -> Headers:
        return ((self._cased(TOKEN_HEADER), self.token.encode()), *self._noise())

    def _gibberish_body(self) -> bytes:
        whole = json.dumps(self.alert()).encode()
        makers: list[Callable[[], bytes]] = [
            lambda: b"",
            lambda: self.random.randbytes(self.random.randrange(1, 2000)),
            # What comes after the flags is the title, which may be anything.
            lambda: whole[: self.random.randrange(1, whole.index(self.flag.encode()) + len(self.flag))],
            lambda: self._text_bytes(5) + json.dumps([*self.alert().values()]).encode(),
            lambda: gzip.compress(whole),
            lambda: whole.decode().encode("utf-16"),
            lambda: json.dumps([self.alert()]).encode(),
            lambda: b"[" * self.random.randrange(1, 60_000),
            lambda: b'{"flags":' * self.random.randrange(1, 6_000),
            lambda: b'{"transition": 1e999, "flags": NaN, "monitor": -Infinity}',
            lambda: json.dumps(self.alert(flags="\ud800", title="\udfff")).encode(),
            lambda: json.dumps(self.alert(title="x" * self.random.randrange(65_537, 200_000))).encode(),
            *[lambda: json.dumps(self._without_a_field()).encode()] * 3,
            *[lambda: json.dumps(self.alert(**self._wrong_field())).encode()] * 12,
        ]
        return self.random.choice(makers)()

    def _without_a_field(self) -> dict[str, Any]:
        name = self.random.choice(["transition", "monitor", "flags"])
        return {key: value for key, value in self.alert().items() if key != name}

    def _wrong_field(self) -> dict[str, Any]:
        flags: list[Any] = [
            "", [], {}, 0, None, True, [None], [[self.flag]], ["a"] * 21, f"{self.flag}/../boolean", f"../{self.flag}",
            f"{self.flag}?x=1", f"{self.flag}#", f"{self.flag} x", f"{self.flag}%2Fboolean", "a\r\nHost: x", "a\x00b",
            "é", "x" * 3000, "$FLAGS", "' OR 1=1 --", "<script>", "{{flags}}",
        ]  # fmt: skip  # a table, many to a line
        transition: list[Any] = [
            "$ALERT_TRANSITION",
            "triggering",
            "TRIGGERED !",
            "",
            None,
            [],
            {},
            "Drop",
            "Triggered\x00",
            7,
            "x" * 5000,
        ]
        monitor: list[Any] = [None, [], {}, "$ALERT_ID", "m" * 3000]
        wrong = {"flags": flags, "transition": transition, "monitor": monitor}
        name = self.random.choice(list(wrong))
        return {name: self.random.choice(wrong[name])}

    # What the network adds.

    def _noise(self) -> Headers:
        noise: list[tuple[str, bytes]] = [
            ("Content-Type", self.random.choice([b"text/xml", b"application/json; charset=utf-7", b"", b"x/y; z"])),
            ("X-Forwarded-For", b"127.0.0.1, 10.0.0.1"),
            ("X-HTTP-Method-Override", b"DELETE"),
            ("User-Agent", self._text_bytes(300)),
            ("X-Long", b"x" * self.random.randrange(4000)),
        ]
        return tuple(self.random.sample(noise, self.random.randrange(3)))

    def _cased(self, name: str) -> str:
        return self.random.choice([name, name.lower(), name.upper()])

    def _text(self, longest: int) -> str:
        return "".join(chr(self.random.randrange(0x21, 0x7F)) for _ in range(self.random.randrange(1, longest)))

    def _text_bytes(self, longest: int) -> bytes:
        return self._text(longest).encode() + self.random.choice([b"", b"\xe9", b"\xff\xfe", b" x"])
