"""The organization's policy as S3 keeps it: read again each time, and never taken for none when it can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from rampart.adapters.policy_file import S3Policy
from rampart.errors import PolicyUnreadableError

POLICY = b"policy: letters\nrules:\n  - {fewest_stages: 4, reason: Four are few enough}\n"
URI = "s3://policies/teams/policy.yaml"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="policies")
        yield s3


def put(bucket: Any, content: bytes) -> None:
    bucket.put_object(Bucket="policies", Key="teams/policy.yaml", Body=content)


def test_a_change_of_the_file_holds_from_the_next_start_on(bucket: Any) -> None:
    source = S3Policy(URI, bucket)
    put(bucket, POLICY)
    first = source.policy()
    put(bucket, POLICY.replace(b"4", b"5"))
    second = source.policy()
    assert first is not None
    assert second is not None
    assert (first.rules[0].fewest_stages, second.rules[0].fewest_stages) == (4, 5)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "NoSuchKey"), (b"rules: []", "isn't a policy"), (b"#" * 300_000, "larger than 200000 bytes")],
)
def test_a_policy_that_cannot_be_read_is_an_error_in_words(bucket: Any, content: bytes | None, said: str) -> None:
    if content is not None:
        put(bucket, content)
    with pytest.raises(PolicyUnreadableError, match=said):
        S3Policy(URI, bucket).policy()


def test_an_s3_that_does_not_answer_is_an_error_in_words(bucket: Any) -> None:
    quick = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    silent = boto3.client("s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=quick)
    with pytest.raises(PolicyUnreadableError, match="EndpointConnectionError"):
        S3Policy(URI, silent).policy()
