"""What `samconfig.toml` says of one environment, and what it must say before anything is deployed."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIGURATION = Path(__file__).parents[1] / "samconfig.toml"
ARCHITECTURES = ("arm64", "x86_64")


class NotReadyError(Exception):
    """Why nothing is deployed, in words, with what to do."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: where it is, and the parameters of its stack."""

    environment: str
    stack: str
    account: str
    region: str
    parameters: Mapping[str, str]
    confirm: bool
    tags: tuple[str, ...] = ()
    role: str = ""


def read_section(environment: str, path: Path = CONFIGURATION) -> Environment:
    """Read an environment's section; raises NotReadyError, which names everything that is missing at once."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    if environment not in document:
        known = ", ".join(sorted(name for name, each in document.items() if isinstance(each, dict)))
        raise NotReadyError(f"samconfig.toml has no environment {environment!r}; it has {known}")
    said = document[environment].get("deploy", {}).get("parameters", {})
    account = str(document[environment].get("rampart", {}).get("parameters", {}).get("account", ""))
    parameters = _parameters(said.get("parameter_overrides", []))
    missing = [
        f'account = "123456789012" in [{environment}.rampart.parameters]' if not account.isdigit() else "",
        f'region = "us-gov-west-1" in [{environment}.deploy.parameters]' if not said.get("region") else "",
        *(
            f'"{name}={example}" in parameter_overrides of [{environment}.deploy.parameters]'
            for name, example in (("Architecture", "arm64"), ("FlipperUrl", "https://api.example.gov/flipper/api"))
            if not parameters.get(name)
        ),
    ]
    if any(missing):
        lines = "\n  ".join(each for each in missing if each)
        raise NotReadyError(f"samconfig.toml doesn't say all that a deployment needs. Write:\n  {lines}")
    if parameters["Architecture"] not in ARCHITECTURES:
        raise NotReadyError(f"Architecture is {parameters['Architecture']}; write {' or '.join(ARCHITECTURES)}")
    if parameters.get("FipsEndpoints") == "true" and not str(said["region"]).startswith("us-"):
        raise NotReadyError(
            f"FipsEndpoints is true, and AWS has no FIPS endpoints of all services in {said['region']}: "
            "set it to false, or deploy in the United States"
        )
    return Environment(
        environment=environment,
        stack=str(said.get("stack_name", "rampart")),
        account=account,
        region=str(said["region"]),
        parameters=parameters,
        confirm=bool(said.get("confirm_changeset", True)),
        tags=tuple(shlex.split(str(said.get("tags", "")))),
        role=str(said.get("role_arn", "")),
    )


def _parameters(written: Any) -> dict[str, str]:  # noqa: ANN401  TOML gives text or a list of text
    """SAM takes a list, or one text with blanks between and quotes where a value has some."""
    each = shlex.split(written) if isinstance(written, str) else [str(one) for one in written]
    pairs = (one.partition("=") for one in each)
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs if name.strip()}
