"""YAML that is written for people: drafts of plans, with the line by which editors complete their keys."""

from __future__ import annotations

SCHEMA_LINE = (
    "# yaml-language-server: $schema=plan.schema.json",
    "# Your editor completes and checks the keys once that file is there: rampart plan schema > plan.schema.json",
)


def yaml_value(text: str) -> str:
    """A text as a value on one line of YAML, quoted where it has to be."""
    import yaml  # costs 50 ms

    written: str = yaml.safe_dump(text, allow_unicode=True, width=1_000_000, default_flow_style=True)
    return written.removesuffix("\n").removesuffix("\n...")
