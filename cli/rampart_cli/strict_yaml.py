"""YAML as people mean it: a key that stands twice is an error, and an error says where it is."""

from __future__ import annotations

from typing import Any

import yaml


class UniqueKeyLoader(yaml.SafeLoader):
    """Reads plain YAML and refuses a key that stands twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Refuse a key that stands twice."""
        seen = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if str(name) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands here twice", key.start_mark)
            seen.add(str(name))
        return super().construct_mapping(node, deep)


def why_unreadable(error: Exception) -> str:
    """What is wrong with a text that is no YAML, with line and column where PyYAML tells them."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "it nests too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:300]
