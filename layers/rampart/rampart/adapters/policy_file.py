"""The organization's policy, a YAML file in S3: read at each start, so that a change holds from the next one on."""

from __future__ import annotations

from typing import Any, Protocol

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from rampart.errors import PolicyUnreadableError
from rampart.plan.policy import Policy
from rampart.plan.problems import problems_of

_MOST_BYTES = 200_000


class _ObjectStore(Protocol):
    """What is used of boto3's client."""

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: ANN401, N803 -- AWS's names; the answer is a TypedDict
        ...


class S3Policy:
    """Reads the policy at `s3://bucket/key`."""

    def __init__(self, uri: str, client: _ObjectStore) -> None:
        self._uri = uri
        self._client = client

    def policy(self) -> Policy | None:
        """Give the policy as it is now; raises PolicyUnreadableError."""
        bucket, _, key = self._uri.removeprefix("s3://").partition("/")
        try:
            content = self._client.get_object(Bucket=bucket, Key=key)["Body"].read(_MOST_BYTES + 1)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise PolicyUnreadableError(f"{self._uri} can't be read: S3 answers {code}") from error
        except BotoCoreError as error:
            raise PolicyUnreadableError(f"{self._uri} can't be read: {type(error).__name__}") from error
        if len(content) > _MOST_BYTES:
            raise PolicyUnreadableError(f"{self._uri} is larger than {_MOST_BYTES} bytes")
        return policy_of(content, self._uri)


def policy_of(content: bytes, name: str) -> Policy:
    """Read a policy's YAML; raises PolicyUnreadableError with everything that is wrong."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, yaml.SafeLoader)):
            raise PolicyUnreadableError(f"{name} uses YAML's aliases; write the value out in both places")
        _check_keys(yaml.compose(content, yaml.SafeLoader))
        return Policy.model_validate(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise PolicyUnreadableError(f"{name} isn't valid YAML: {' '.join(str(error).split())[:300]}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{each.where}: {each.message}" for each in problems_of(error, Policy))
        raise PolicyUnreadableError(f"{name} isn't a policy: {wrong}") from error
    except (ValueError, RecursionError) as error:
        raise PolicyUnreadableError(f"{name} isn't valid YAML: {error}") from error


def _check_keys(node: yaml.Node | None) -> None:
    """Refuse a key that appears twice: YAML would silently drop the rules below the first one."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise ValueError(f"duplicate key {', '.join(sorted(repeated))}")
        for _, value in node.value:
            _check_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_keys(each)
