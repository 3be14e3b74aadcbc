"""`python -m local.flipper_standin`: the stand-in as a separate process."""

import argparse

from local.flipper_standin.caches import Caches
from local.flipper_standin.gates import ruby_number
from local.flipper_standin.server import DEFAULT_PREFIX, FlipperStandIn
from local.standin import run_as_process


def main() -> None:
    """Run as a separate process until the parent ends."""
    parser = argparse.ArgumentParser(prog="python -m local.flipper_standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 finds a free one")
    parser.add_argument("--prefix", default=DEFAULT_PREFIX)
    parser.add_argument("--token", help="bearer token that every request must carry")
    parser.add_argument("--basic", help="user:password that every request must carry")
    parser.add_argument("--flag", action="append", default=[], help="NAME or NAME=PERCENT, a feature that exists")
    parser.add_argument("--group", action="append", default=[], help="a registered group")
    parser.add_argument("--processes", type=int, default=0, help="number of processes whose copies answer reads")
    parser.add_argument("--cache-seconds", type=float, default=60.0, help="maximum age of a copy")
    args = parser.parse_args()
    named = (flag.partition("=") for flag in args.flag)
    run_as_process(
        FlipperStandIn(
            flags={flag: ruby_number(percent) if percent else None for flag, _, percent in named},
            port=args.port,
            prefix=args.prefix,
            token=args.token,
            basic=args.basic,
            groups=args.group,
            caches=Caches(args.processes, args.cache_seconds) if args.processes else None,
        ),
        api="{url}" + args.prefix.rstrip("/"),
    )


if __name__ == "__main__":
    main()
