"""A stand-in for the Datadog API that closes the loop from a flag to alerts; see STANDINS.md."""

from local.datadog_standin.monitors import MonitorState, Transition
from local.datadog_standin.scenario import Counted, Gauge, PathScope, Points, Scenario, TaggedCounter, Traffic
from local.datadog_standin.server import API_KEY, APP_KEY, DatadogStandIn
from local.datadog_standin.webhooks import Attempt, Delivery

__all__ = [
    "API_KEY",
    "APP_KEY",
    "Attempt",
    "Counted",
    "DatadogStandIn",
    "Delivery",
    "Gauge",
    "MonitorState",
    "PathScope",
    "Points",
    "Scenario",
    "TaggedCounter",
    "Traffic",
    "Transition",
]
