"""Percentages, shares and traffic as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rampart.evidence.criteria import MOST_TIMES
from rampart.plan.durations import parse_duration
from rampart.words import exact_percent, times

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%\Z")
_TIMES = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*x\Z")
_TRAFFIC = re.compile(
    r"([0-9]{1,16}(?:\.[0-9]{1,25})?)\s*(?:requests?\s*)?(?:/|per|an?)\s*(second|minute|hour|day|s|m|h|d)\Z"
)


def parse_fraction(value: object) -> float:
    """Read `1%` as 0.01.

    Raises ValueError for a bare number, which could mean 1% as well as 100%.
    """
    match = _PERCENT.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a percentage; write it with its sign: 1%, 0.3%")
    fraction = float(match[1]) / 100
    if fraction > 1:
        raise ValueError(f"{value!r} is more than 100%")
    return fraction


def parse_times(value: object) -> float:
    """Read `1.5x` as 1.5.

    Raises ValueError for a bare number, which could mean a rate as well.
    """
    match = _TIMES.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} isn't a ratio; write how many times the control's rate: 1.5x")
    ratio = float(match[1])
    if not 0 < ratio <= MOST_TIMES:
        raise ValueError(f"{value!r} doesn't lie between 0x, exclusive, and {MOST_TIMES}x")
    return ratio


def parse_traffic(value: object) -> float:
    """Read `400/hour` as requests an hour.

    Raises ValueError with the accepted form when it is anything else.
    """
    match = _TRAFFIC.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not traffic; write requests and a unit: 400/hour, 20/minute")
    return float(match[1]) * (timedelta(hours=1) / parse_duration(f"1{match[2][0]}"))


def format_traffic(hourly: float) -> str:
    """Write 400.0 as `400/hour`, exactly and without an exponent, so that it reads as the same number again."""
    return f"{Decimal(repr(hourly)):f}".removesuffix(".0") + "/hour"


def _at_most_three_decimals(percent: float) -> float:
    # Flipper keeps three decimals of a percentage of actors: more would read back as something else.
    if round(percent, 3) != percent:
        raise ValueError(f"{percent} has more than three decimals, and Flipper keeps three")
    return percent


def _without_sign(value: object) -> object:
    """A percentage with its sign, as people write it next to bars; a bare number means the same here."""
    match = _SIGNED.match(value.strip()) if isinstance(value, str) else None
    return float(match[1]) if match else value


_SIGNED = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%\Z")
Percent = Annotated[
    float,
    BeforeValidator(_without_sign),
    Field(ge=0, le=100),
    AfterValidator(_at_most_three_decimals),
]
Fraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    PlainSerializer(exact_percent, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["1%", "0.3%"]}),
]
Times = Annotated[
    float,
    BeforeValidator(parse_times),
    PlainSerializer(times, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["1.5x", "2x"]}),
]
"""How many times another rate."""
Chance = Annotated[
    float,
    BeforeValidator(lambda value: parse_fraction(value) if isinstance(value, str) else value),
    Field(gt=0, lt=0.5),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}],
            "examples": ["5%", 0.05],
        }
    ),
]
"""A chance of being wrong, as a percentage or as a number below one half: 1% and 0.01 are never confused."""
Traffic = Annotated[
    float,
    BeforeValidator(parse_traffic),
    PlainSerializer(format_traffic, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["400/hour", "20/minute"]}),
]
