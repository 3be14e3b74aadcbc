"""`python -m deploy.check ENV`: whether this environment may be deployed from here; before anything is built."""

from __future__ import annotations

import sys

from deploy.account import refuse_downgrade, session_of, stack_of
from deploy.section import NotReadyError, read_section


def main(environment: str) -> int:
    try:
        section = read_section(environment)
        refuse_downgrade(stack_of(section.stack, session_of(section)))
    except NotReadyError as error:
        print(f"Not deployed: {error}", file=sys.stderr)
        return 1
    print(f"{section.stack}, {section.parameters['Architecture']}, account {section.account}, {section.region}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
