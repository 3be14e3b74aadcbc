"""Durations as people write them: `90s`, `2m`, `4d`, `1w`, `1 business day`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from rampart.words import UNITS, counted, short_duration

_UNITS = {unit[0]: seconds for unit, seconds in UNITS.items()}
_WORDS = re.compile(
    r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?|h(?:ours?)?|d(?:ays?)?|w(?:eeks?)?)\Z",
    re.IGNORECASE,
)
_BUSINESS = re.compile(r"([0-9]{1,3})\s*business\s*days?\Z", re.IGNORECASE)
_HELP = "write a number and a unit: 90s, 2m, 4h, 4d, 1w"
_LONGEST = timedelta(days=366)  # longer than any rollout may last; a calendar ends before the largest number does


def parse_duration(text: object) -> timedelta:
    """Read a duration of clock time, such as `2m`.

    Raises ValueError with the accepted forms when it is anything else.
    """
    if isinstance(text, timedelta):
        return text
    match = _words(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; {_HELP}")
    seconds = float(match[1]) * _UNITS[match[2][0].lower()]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than {_LONGEST.days} days")
    return timedelta(seconds=seconds)


def _words(text: object) -> re.Match[str] | None:
    return _WORDS.match(text.strip()) if isinstance(text, str) else None


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(short_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["90s", "2m", "4d", "1w"]}),
]


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a stage is held: clock time, or a number of full business days, never both."""

    clock: timedelta | None = None
    business_days: int | None = None

    @classmethod
    def parse(cls, text: object) -> Hold:
        """Read `4d` or `1 business day`.

        Raises ValueError with the accepted forms when it is anything else.
        """
        if isinstance(text, Hold):
            return text
        match = _BUSINESS.match(text.strip()) if isinstance(text, str) else None
        if match is not None:
            return cls(business_days=int(match[1]))
        if not isinstance(text, timedelta) and _words(text) is None:
            raise ValueError(f"{text!r} is not a hold; {_HELP}, or 1 business day")
        return cls(clock=parse_duration(text))

    def __str__(self) -> str:
        if self.clock is not None:
            return short_duration(self.clock)
        return counted(self.business_days or 0, "business day")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from text, serialize to text."""
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the text form."""
        return {"type": "string", "examples": ["4d", "1 business day", "1w"]}
