"""`python -m local.datadog_standin`: the stand-in as a separate process."""

import argparse
from pathlib import Path

import yaml

from local.datadog_standin.scenario import Scenario
from local.datadog_standin.server import API_KEY, APP_KEY, QUERIES_PER_HOUR, DatadogStandIn
from local.standin import run_as_process


def main() -> None:
    """Run as a separate process until the parent ends."""
    parser = argparse.ArgumentParser(prog="python -m local.datadog_standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    parser.add_argument("--scenario", type=Path, help="YAML or JSON file of the scenario")
    parser.add_argument("--flipper", help="address of Flipper's stand-in, whose flags the traffic follows")
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--app-key", default=APP_KEY)
    parser.add_argument("--tick-seconds", type=float, default=1.0, help="how often the monitors are evaluated")
    parser.add_argument(
        "--minute-seconds",
        type=float,
        default=60.0,
        help="length of a minute of the monitors' windows, delays, and renotify intervals",
    )
    parser.add_argument("--retry-seconds", type=float, default=60.0, help="wait before a delivery is retried")
    parser.add_argument("--queries-per-hour", type=int, default=QUERIES_PER_HOUR)
    args = parser.parse_args()
    script = yaml.safe_load(args.scenario.read_text()) if args.scenario else {}
    run_as_process(
        DatadogStandIn(
            Scenario.model_validate(script),
            flipper=args.flipper,
            port=args.port,
            api_key=args.api_key,
            app_key=args.app_key,
            tick_seconds=args.tick_seconds,
            minute_seconds=args.minute_seconds,
            retry_seconds=args.retry_seconds,
            queries_per_hour=args.queries_per_hour,
        )
    )


if __name__ == "__main__":
    main()
