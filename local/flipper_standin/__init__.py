"""A stand-in for Flipper's HTTP API (1.4); STANDINS.md explains how to start, control, and break it."""

from local.flipper_standin.gates import FlagGates, Write
from local.flipper_standin.server import DEFAULT_PREFIX, FlipperStandIn

__all__ = ["DEFAULT_PREFIX", "FlagGates", "FlipperStandIn", "Write"]
