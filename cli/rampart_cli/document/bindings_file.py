"""The one file in which a team keeps what its criteria mean in Datadog, read and held against what a plan may say."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

from rampart.model import Model, Unmeant
from rampart.plan.model import CountSpec, RateSpec, ReportedSpec, ValueSpec
from rampart_cli.document.bindings import Bindings, BindingsError
from rampart_cli.strict_yaml import UniqueKeyLoader, why_unreadable

_SPECS: dict[str, type[Model]] = {"rate": RateSpec, "count": CountSpec, "value": ValueSpec, "reported": ReportedSpec}

_WORDS = {"extra_forbidden": "bindings know no such key", "missing": "it is missing"}
"""What pydantic's types of problems mean in bindings."""


class _File(Model):
    synonyms: tuple[tuple[str, ...], ...] = Field((), max_length=200)
    criteria: dict[str, dict[str, Any]] = Field(max_length=500)

    @field_validator("criteria")
    @classmethod
    def _knows_each_key(cls, criteria: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for pattern, spec in criteria.items():
            model = _SPECS.get(str(spec.get("kind")))
            if model is None:
                raise ValueError(f"{pattern!r} needs a kind: one of {', '.join(_SPECS)}")
            known = {info.alias or name for name, info in model.model_fields.items()}
            if unknown := spec.keys() - known:
                raise ValueError(f"{pattern!r} has keys that no {spec['kind']} has: {', '.join(sorted(unknown))}")
            if wrong := _wrong_value(model, spec):
                raise ValueError(f"{pattern!r}: {wrong}")
        return criteria


def _wrong_value(model: type[Model], spec: dict[str, Any]) -> str | None:
    """What is wrong with a value that is given; what is left out is the page's to say, or a gap of the draft."""
    try:
        model.model_validate(spec)
    except ValidationError as error:
        for found in error.errors():
            if found["loc"] and found["loc"][0] in spec:
                given = found["input"]
                what = given.what if isinstance(given, Unmeant) else found["msg"].removeprefix("Value error, ")
                return f"{'.'.join(map(str, found['loc']))}: {what}"
    return None


def read_bindings(text: str) -> Bindings:
    """Read a bindings file.

    Raises BindingsError, which names the place, when it is no YAML or binds something that no criterion is.
    """
    try:
        loaded = yaml.load(text, Loader=UniqueKeyLoader)  # noqa: S506 - it is a SafeLoader
        if loaded is None:
            raise BindingsError("the file is empty; it needs `criteria:` with a criterion's name and its query")
        if not isinstance(loaded, dict):
            raise BindingsError(f"the file holds a {type(loaded).__name__}; it needs keys: `criteria:`, `synonyms:`")
        file = _File.model_validate(loaded)
    except (yaml.YAMLError, RecursionError) as error:
        raise BindingsError(f"the bindings are no YAML: {why_unreadable(error)}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        said = _WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        raise BindingsError(f"{place}: {said}") from error
    return Bindings(file.synonyms, file.criteria)
