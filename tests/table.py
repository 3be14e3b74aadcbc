"""The table as `template.yaml` defines it, made wherever a test wants it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
SCHEMA = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")


class _PlainLoader(yaml.CSafeLoader):
    """Reads what has no CloudFormation tag; the schema has none, and cfn-lint's loader takes seconds to import."""


_PlainLoader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Create the table, empty, under a test's own name."""
    client.create_table(TableName=name, **_schema())


@cache
def _schema() -> Mapping[str, Any]:
    template = yaml.load(TEMPLATE.read_text(), Loader=_PlainLoader)
    return {part: template["Resources"]["Table"]["Properties"][part] for part in SCHEMA}
