"""`python -m deploy.adopt ENV TABLE`: begin a new stack with the table that an earlier one left, and its records.

CloudFormation imports the table as the only resource of the new stack; the next deployment adds all others to it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from deploy.account import session_of, stack_of
from deploy.section import NotReadyError, read_section

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
_CHANGE_SET = "adopt-table"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as what they stand for."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Any:  # noqa: ANN401  YAML holds anything
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # a mapping is what is left
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tagged)


def template_of_table() -> dict[str, Any]:
    """A template with the table alone, exactly as the whole one has it: an import changes nothing."""
    whole = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 -- a safe loader with tags
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Table": whole["Resources"]["Table"]}}


def adopt(stack_name: str, table: str, session: Any) -> None:  # noqa: ANN401  boto3 makes its classes at run time
    """Make a stack of the table; raises NotReadyError where there is one of that name, and botocore's errors."""
    if stack_of(stack_name, session) is not None:
        raise NotReadyError(f"there is a stack {stack_name} already; only a new one can take a table over")
    formation = session.client("cloudformation")
    formation.create_change_set(
        StackName=stack_name,
        ChangeSetName=_CHANGE_SET,
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps(template_of_table()),
        ResourcesToImport=[
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": "Table",
                "ResourceIdentifier": {"TableName": table},
            }
        ],
    )
    formation.get_waiter("change_set_create_complete").wait(StackName=stack_name, ChangeSetName=_CHANGE_SET)
    formation.execute_change_set(StackName=stack_name, ChangeSetName=_CHANGE_SET)
    formation.get_waiter("stack_import_complete").wait(StackName=stack_name)


def main(environment: str, table: str) -> int:
    try:
        section = read_section(environment)
        session = session_of(section)
        adopt(section.stack, table, session)
    except NotReadyError as error:
        print(f"Not taken over: {error}", file=sys.stderr)
        return 1
    print(f"{section.stack} holds {table}. Run `make deploy ENV={environment}` now: it adds everything else.")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
