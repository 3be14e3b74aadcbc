"""Evidence from two sources in one plan, read with the roles that the template gives: Datadog and CloudWatch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local.stack import LocalStack
from rampart.rollout.event import EventKind
from rampart.rollout.state import Status
from tests.e2e.rollouts import Rollout

NewRollout = Callable[..., Rollout]
_NAMESPACE = "Letters"


def _metric(name: str, path: str) -> Mapping[str, Any]:
    return {"cloudwatch": {"namespace": _NAMESPACE, "metric": name, "dimensions": {"Path": path}}}


def _criterion(path: str) -> Mapping[str, Any]:
    counts = {"errors": _metric("Errors", path), "total": _metric("Requests", path)}
    return {"kind": "rate", **counts, "below": "8%", "scope": "cohort", "clump": 1}


class Traffic:
    """Puts what a service counts, once a second, as its agent would."""

    def __init__(self, client: Any, path: str) -> None:
        self._client = client
        self._dimensions = [{"Name": "Path", "Value": path}]
        self.failing = 0

    def put(self) -> None:
        now = datetime.now(UTC)
        data = [
            {"MetricName": name, "Dimensions": self._dimensions, "Timestamp": now, "Value": value}
            for name, value in (("Requests", 200), ("Errors", self.failing))
        ]
        self._client.put_metric_data(Namespace=_NAMESPACE, MetricData=data)


@contextmanager
def _traffic(stack: LocalStack, path: str) -> Iterator[Traffic]:
    traffic, ended = Traffic(stack.ministack.client("cloudwatch"), path), threading.Event()

    def run() -> None:
        while not ended.wait(0.5):
            traffic.put()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield traffic
    finally:
        ended.set()
        thread.join()


def test_a_stage_passes_on_evidence_of_both_sources_and_falls_by_cloudwatchs(
    new_rollout: NewRollout, stack: LocalStack
) -> None:
    with _traffic(stack, "falls") as traffic:
        rollout = new_rollout(stages=[{"percent": 25, "hold": "5s"}, {"percent": 100, "hold": "60s"}])
        rollout.plan["criteria"] = {**rollout.plan["criteria"], "slow letters": _criterion("falls")}
        rollout.start()
        latest = rollout.asked(25).latest
        assert latest is not None
        assert {latest.verdicts[name].value for name in ("index error rate", "slow letters")} == {"pass"}

        rollout.approve(25)
        rollout.at(100)
        traffic.failing = 100
        rollout.ended(Status.ROLLED_BACK)

    assert rollout.percentage == 0
    (event,) = rollout.events(EventKind.ROLLED_BACK)
    assert event.details["cause"] == "evidence"
    assert "slow letters" in event.message


def test_a_metric_that_no_one_puts_holds_the_stage_and_says_so(new_rollout: NewRollout) -> None:
    rollout = new_rollout(stages=[{"percent": 25, "hold": "5s"}])
    rollout.plan["criteria"] = {**rollout.plan["criteria"], "slow letters": _criterion("nowhere")}
    rollout.start()

    state = rollout.until("an evaluation", lambda s: s.latest is not None and s.latest.verdict.value == "no_data")

    assert state.latest is not None
    assert state.latest.verdicts["slow letters"].value == "no_data"
    time.sleep(6)
    assert rollout.state().status is Status.LIVE
    assert rollout.percentage == 25
