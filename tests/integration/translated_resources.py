"""What SAM makes of the template's resources, as JSON; run by the interpreter that has SAM's translator."""

import json
import sys
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]  # in the other environment
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]  # as above
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]  # as above


def translated(text: str) -> dict[str, Any]:
    """The resources by name, as they are deployed into private subnets."""
    template = json.loads(json.dumps(yaml_parse(text)))
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://built/elsewhere"  # only a build knows where
    parameters = {name: each.get("Default", "given") for name, each in template["Parameters"].items()}
    resources: dict[str, Any] = Translator({}, Parser()).translate(template, parameters)["Resources"]
    return resources


if __name__ == "__main__":
    sys.stdout.write(json.dumps(translated(sys.stdin.read())))
