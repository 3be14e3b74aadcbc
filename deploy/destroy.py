"""`python -m deploy.destroy ENV`: take the stack down, unless a rollout is watched; the table and its records stay."""

from __future__ import annotations

import sys
from typing import Any

from deploy.account import outputs_of, session_of, stack_of
from deploy.section import NotReadyError, read_section
from rampart.adapters.dynamodb import DynamoRolloutStore

KEPT = """\
{stack} is being deleted; the table {table} and its records stay. To use them in a new stack of this name, run
  make adopt ENV={environment} TABLE={table}
and then `make deploy ENV={environment}`. State machines and log groups take some minutes to go: deploy after that."""


def watched(outputs: dict[str, str], session: Any) -> list[str]:  # noqa: ANN401  boto3 makes its classes at run time
    """The rollouts that a tick still looks at: live ones, and those whose flags it watches for a while."""
    store = DynamoRolloutStore(outputs["TableName"], session.client("dynamodb"))
    return sorted(store.watched())


def destroy(stack_name: str, session: Any) -> str:  # noqa: ANN401  as above
    """Delete the stack, and give the name of the table that stays.

    Raises NotReadyError while a rollout is watched, and where there is no stack.
    """
    stack = stack_of(stack_name, session)
    if stack is None:
        raise NotReadyError(f"there is no stack {stack_name} in {session.region_name}")
    outputs = outputs_of(stack)
    if names := watched(outputs, session):
        raise NotReadyError(
            f"still watched: {', '.join(names)}. Without the stack nothing would take flags down. Finish, roll back, "
            "or abandon each (rampart status NAME), and wait for the end of its watch"
        )
    formation = session.client("cloudformation")
    formation.update_termination_protection(StackName=stack_name, EnableTerminationProtection=False)
    formation.delete_stack(StackName=stack_name)
    return outputs["TableName"]


def main(environment: str) -> int:
    try:
        section = read_section(environment)
        table = destroy(section.stack, session_of(section))
    except NotReadyError as error:
        print(f"Not deleted: {error}", file=sys.stderr)
        return 1
    print(KEPT.format(stack=section.stack, table=table, environment=environment))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
