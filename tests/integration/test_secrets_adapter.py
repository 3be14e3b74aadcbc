"""Secrets: read once, read again at most so often, and never shown."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from rampart.adapters.secrets import REFRESH_SECONDS, AlertTokens, SecretsManagerSecrets
from rampart.entry.wiring import Wiring
from rampart.errors import SecretUnavailableError
from tests.doubles import FixedSecret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NAME = "rampart/flipper"
HIDDEN = "s3cr3t-t0ken"


class Stopwatch:
    """Monotonic seconds that stand until they are moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def client(aws: None) -> SecretsManagerClient:
    client = boto3.client("secretsmanager")
    client.create_secret(Name=NAME, SecretString=json.dumps({"token": HIDDEN}))
    return client


@pytest.fixture
def reads(client: SecretsManagerClient) -> list[str]:
    """The name of every secret that was asked for."""
    asked: list[str] = []
    client.meta.events.register(
        "before-parameter-build.secrets-manager.GetSecretValue", lambda params, **_: asked.append(params["SecretId"])
    )
    return asked


@pytest.fixture
def secrets(client: SecretsManagerClient, watch: Stopwatch) -> SecretsManagerSecrets:
    return SecretsManagerSecrets(client, lifetime_seconds=300, monotonic=watch)


def rotate(client: SecretsManagerClient, token: str) -> None:
    client.put_secret_value(SecretId=NAME, SecretString=json.dumps({"token": token}))


def test_a_secret_is_read_once_in_its_lifetime(
    secrets: SecretsManagerSecrets, client: SecretsManagerClient, watch: Stopwatch, reads: list[str]
) -> None:
    secret = secrets.named(NAME)
    assert secret() == secret() == {"token": HIDDEN}
    rotate(client, "newer")
    watch.seconds += 299
    assert secret() == {"token": HIDDEN}
    watch.seconds += 1
    assert secret() == {"token": "newer"}
    assert reads == [NAME] * 2


def test_a_secret_is_not_read_before_it_is_used(secrets: SecretsManagerSecrets, reads: list[str]) -> None:
    secrets.named("no such secret")
    assert not reads


def test_a_secret_is_read_again_at_most_once_in_30_seconds(
    secrets: SecretsManagerSecrets, client: SecretsManagerClient, watch: Stopwatch, reads: list[str]
) -> None:
    secret = secrets.named(NAME)
    secret()
    rotate(client, "newer")
    assert secret.refresh() == {"token": "newer"}
    rotate(client, "newest")
    watch.seconds += 29
    assert secret.refresh() == {"token": "newer"}
    watch.seconds += 1
    assert secret.refresh() == {"token": "newest"}
    assert secret() == {"token": "newest"}
    assert len(reads) == 3


def test_many_threads_read_a_secret_once(
    secrets: SecretsManagerSecrets, reads: list[str], in_threads: Callable[[Callable[[], object], int], list[object]]
) -> None:
    assert in_threads(secrets.named(NAME), 8) == [{"token": HIDDEN}] * 8
    assert len(reads) == 1


def test_a_refresh_that_failed_keeps_failing_until_it_may_be_tried_again(
    secrets: SecretsManagerSecrets, client: SecretsManagerClient, watch: Stopwatch
) -> None:
    """Otherwise a right token that is only in the newer secret would be called wrong while no one can look."""
    secret = secrets.named(NAME)
    secret()
    with Stubber(client) as stubber:
        stubber.add_client_error("get_secret_value", "ThrottlingException")
        for _ in range(2):
            with pytest.raises(SecretUnavailableError, match="ThrottlingException"):
                secret.refresh()
    assert secret() == {"token": HIDDEN}, "what is known still serves"
    watch.seconds += 30
    assert secret.refresh() == {"token": HIDDEN}


def test_an_old_secret_serves_while_no_new_one_can_be_read(
    secrets: SecretsManagerSecrets,
    client: SecretsManagerClient,
    watch: Stopwatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A rollback must not fail because Secrets Manager does."""
    secret = secrets.named(NAME)
    secret()
    watch.seconds += 301
    with Stubber(client) as stubber, caplog.at_level(logging.WARNING):
        for code in ("InternalServiceError", "AskedAgainAtOnce"):
            stubber.add_client_error("get_secret_value", code)
        assert secret() == secret() == {"token": HIDDEN}
    assert "AskedAgainAtOnce" not in caplog.text
    assert "InternalServiceError" in caplog.text
    assert HIDDEN not in caplog.text
    rotate(client, "newer")
    watch.seconds += 30
    assert secret() == {"token": "newer"}


def test_a_secret_that_was_never_read_is_unavailable(secrets: SecretsManagerSecrets) -> None:
    with pytest.raises(SecretUnavailableError, match="'nowhere' cannot be read: ResourceNotFoundException"):
        secrets.named("nowhere")()


@pytest.mark.parametrize("text", [HIDDEN, f'"{HIDDEN}"', f'["{HIDDEN}"]', f'{{"token": "{HIDDEN}"'])
def test_a_secret_that_is_no_json_object_is_refused_without_showing_it(
    secrets: SecretsManagerSecrets, client: SecretsManagerClient, text: str
) -> None:
    client.put_secret_value(SecretId=NAME, SecretString=text)
    with pytest.raises(SecretUnavailableError, match="isn't a JSON object") as caught:
        secrets.named(NAME)()
    told: BaseException | None = caught.value
    while told is not None:
        assert HIDDEN not in repr(told)
        told = told.__cause__ or told.__context__


def test_a_binary_secret_is_refused(secrets: SecretsManagerSecrets, client: SecretsManagerClient) -> None:
    client.create_secret(Name="binary", SecretBinary=b"\x00")
    with pytest.raises(SecretUnavailableError, match="binary"):
        secrets.named("binary")()


def test_no_representation_shows_a_secret(secrets: SecretsManagerSecrets) -> None:
    secrets.named(NAME)()
    shown = repr(secrets.named(NAME)) + repr(vars(secrets)) + repr(FixedSecret({"token": HIDDEN}))
    assert HIDDEN not in shown


def test_two_tokens_are_valid_during_a_rotation() -> None:
    both = AlertTokens(FixedSecret({"token": "new", "previous_token": "old"}))
    assert set(both.current()) == set(both.refreshed()) == {"new", "old"}
    assert AlertTokens(FixedSecret({"token": "new", "previous_token": ""})).current() == ("new",)


@pytest.mark.parametrize("content", [{}, {"token": ""}, {"token": None}, {"token": 7}, {"other": "x"}])
def test_an_alert_secret_without_a_token_lets_nobody_in(content: dict[str, object]) -> None:
    with pytest.raises(SecretUnavailableError, match="holds no token"):
        AlertTokens(FixedSecret(content)).current()


def test_the_alert_tokens_are_read_again(secrets: SecretsManagerSecrets, client: SecretsManagerClient) -> None:
    tokens = AlertTokens(secrets.named(NAME))
    assert tokens.current() == (HIDDEN,)
    rotate(client, "newer")
    assert tokens.current() == (HIDDEN,)
    assert tokens.refreshed() == ("newer",)


class Silent:
    """Secrets Manager, answering for a while and then no more, until it is let go."""

    def __init__(self) -> None:
        self.answers = True
        self.asked: list[str] = []
        self.released = threading.Event()

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803  boto3's own name
        self.asked.append(SecretId)
        if not self.answers:
            self.released.wait(60)
        return {"SecretString": json.dumps({"token": SecretId})}


def test_an_alert_with_cached_secrets_does_not_wait_for_secrets_manager(watch: Stopwatch) -> None:
    """The alert's token and the flag store's are both too old; waiting for each would leave no time for the flag."""
    manager = Silent()
    secrets = SecretsManagerSecrets(manager, lifetime_seconds=300, monotonic=watch)  # type: ignore[arg-type]  # one call of it
    token, flipper = secrets.named("rampart/alerts"), secrets.named("rampart/flipper")
    known = token(), flipper()
    watch.seconds += 301
    manager.answers = False

    assert (token(), flipper()) == known

    assert manager.asked[2:] == ["rampart/alerts"], "one silence is enough to know of it"
    assert not manager.released.is_set(), "it was not waited for"
    manager.released.set()


def test_what_is_silent_is_asked_again_after_a_while(watch: Stopwatch) -> None:
    manager = Silent()
    secret = SecretsManagerSecrets(manager, lifetime_seconds=300, monotonic=watch).named(NAME)  # type: ignore[arg-type]  # as above
    secret()
    watch.seconds += 301
    manager.answers = False
    secret()
    manager.answers = True
    watch.seconds += REFRESH_SECONDS
    secret()

    assert len(manager.asked) == 3
    manager.released.set()


def test_a_cold_start_gives_up_on_secrets_manager_before_datadog_times_out(
    aws: None,
) -> None:
    config: Any = Wiring().secrets._client.meta.config  # the timeouts that the functions really have

    assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) <= 5
