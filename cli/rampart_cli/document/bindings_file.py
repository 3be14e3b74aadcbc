"""The one file in which a team keeps the queries of its criteria, read and held against what a plan may say."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError, field_validator

from rampart.model import Model
from rampart.plan.criterion import CompareSpec, CountSpec, RateSpec, ReportedSpec, ValueSpec
from rampart.plan.problems import problems_of
from rampart_cli.document.bindings import Bindings, BindingsError
from rampart_cli.document.lexicon import TEAM_KINDS, TeamWords
from rampart_cli.strict_yaml import YamlError, read_yaml

_SPECS: dict[str, type[Model]] = {
    "rate": RateSpec,
    "compare": CompareSpec,
    "count": CountSpec,
    "value": ValueSpec,
    "reported": ReportedSpec,
}


class _File(Model):
    synonyms: tuple[tuple[str, ...], ...] = Field((), max_length=200)
    criteria: dict[str, dict[str, Any]] = Field(max_length=500)
    words: dict[str, tuple[str, ...]] = Field({}, max_length=20)

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

    @field_validator("words")
    @classmethod
    def _knows_each_kind(cls, words: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if unknown := words.keys() - TEAM_KINDS:
            kinds = ", ".join(sorted(TEAM_KINDS))
            raise ValueError(f"{', '.join(sorted(unknown))} isn't a kind of word; one of {kinds}")
        return words


def _wrong_value(model: type[Model], spec: dict[str, Any]) -> str | None:
    """What is wrong with a value that is given; what is left out is the page's to say, or a gap of the draft."""
    try:
        model.model_validate(spec)
    except ValidationError as error:
        given = (found for found in problems_of(error, model) if found.where.partition(".")[0] in spec)
        return next((f"{found.where}: {found.message}" for found in given), None)
    return None


def read_bindings(text: str) -> Bindings:
    """Read a bindings file.

    Raises BindingsError, which names the place, when it isn't YAML or binds something that no criterion is.
    """
    try:
        loaded = read_yaml(text).value
        if loaded is None:
            raise BindingsError("the file is empty; it needs `criteria:` with a criterion's name and its query")
        if not isinstance(loaded, dict):
            raise BindingsError(f"the file holds a {type(loaded).__name__}; it needs keys: `criteria:`, `synonyms:`")
        file = _File.model_validate(loaded)
    except YamlError as error:
        raise BindingsError(f"they aren't valid YAML: {error}") from error
    except ValidationError as error:
        first = next(problems_of(error, _File))
        raise BindingsError(f"{first.where}: {first.message}") from error
    return Bindings(file.synonyms, file.criteria, TeamWords(file.words))
