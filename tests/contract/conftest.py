"""What the stand-ins' contract tests share: exchanges to replay, a clock, and the recordings when they are at hand."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # cfn-lint ships no types

import local.datadog_standin
from local.datadog_standin import API_KEY, APP_KEY, DatadogStandIn, Scenario
from local.flipper_standin import FlipperStandIn
from tests.contract.template import ROOT

KEYS = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY}
FLAG = "cst_claim_letters_use_lighthouse_api_provider"
START = 1_750_000_000
RACK = "sum:vets_api.statsd.api_rack_request{{env:eks-prod,controller:v0/claim_letters,action:show{}}}.as_count()"
ERRORS, TOTAL = RACK.format(",status:5*"), RACK.format("")
CLAIM_LETTERS = Path(local.datadog_standin.__file__).parent / "claim_letters.yaml"
EXCHANGES = Path(__file__).parent / "exchanges"


class Clock:
    """A clock that stands until it is moved; epoch seconds."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class WaitUntil(Protocol):
    def __call__(self, condition: Callable[[], object]) -> None: ...


def claim_letters(**changes: object) -> Scenario:
    return Scenario.model_validate(yaml.safe_load(CLAIM_LETTERS.read_text()) | changes)


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return loaded


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exchanges() -> Callable[[str], dict[str, Any]]:
    """Read one of our own files of exchanges, written from the recorded facts."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((EXCHANGES / f"{name}.json").read_text())
        return document

    return read


@pytest.fixture
def recordings() -> Path:
    """The folder of the original recordings; they belong to others and aren't part of this repository."""
    named = os.environ.get("RAMPART_RECORDINGS")
    if not named or not Path(named).is_dir():
        pytest.skip("RAMPART_RECORDINGS names no folder: the original recordings are not at hand")
    return Path(named)


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait for a condition; give up, and fail, only when it is hopeless."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "waited 120 s in vain"
            time.sleep(0.02)

    return wait


@pytest.fixture
def flipper(clock: Clock) -> Iterator[FlipperStandIn]:
    with FlipperStandIn(flags={FLAG: 0}, clock=clock) as stand_in:
        yield stand_in


@pytest.fixture
def datadog(flipper: FlipperStandIn, clock: Clock) -> Iterator[DatadogStandIn]:
    with DatadogStandIn(claim_letters(), flipper=flipper, tick_seconds=0, clock=clock) as stand_in:
        clock.forward(1000)
        yield stand_in
