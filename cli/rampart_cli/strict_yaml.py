"""YAML as people mean it: a key that stands twice is an error, a number is what it looks like."""

from __future__ import annotations

import re
from typing import Any

import yaml

_AS_WRITTEN = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z")


class UniqueKeyLoader(yaml.SafeLoader):
    """Reads plain YAML and refuses a key that stands twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Refuse a key that stands twice."""
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, bool):
                told = f"YAML reads {key.value!r} as {str(name).lower()}; put it in quotes"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
            if str(name) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands here twice", key.start_mark)
            seen.add(str(name))
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read whole numbers as people write them: YAML would take 010 for 8, and 1:30 for 90."""
        if _AS_WRITTEN.match(node.value) is None:
            told = f"YAML reads {node.value!r} as another number; write it in plain digits, or put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return int(node.value)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Read decimals as people write them: YAML would take 1:30.5 for 90.5."""
        if ":" in node.value:
            told = f"YAML reads {node.value!r} as another number; put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        return float(super().construct_yaml_float(node))


UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", UniqueKeyLoader.construct_yaml_int)
UniqueKeyLoader.add_constructor("tag:yaml.org,2002:float", UniqueKeyLoader.construct_yaml_float)


def why_unreadable(error: Exception) -> str:
    """What is wrong with a text that is no YAML, with line and column where PyYAML tells them."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "it nests too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:300]
