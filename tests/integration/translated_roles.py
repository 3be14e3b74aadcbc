"""What CloudFormation makes of the template's roles, as JSON; run by the interpreter that has SAM's translator."""

import json
import sys
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]  # in the other environment
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]  # as above
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]  # as above


def translated(text: str) -> dict[str, Any]:
    """The roles by name, their properties as they are deployed into private subnets."""
    template = json.loads(json.dumps(yaml_parse(text)))
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri", "DefinitionUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://built/elsewhere"  # only a build knows where
    parameters = {name: each.get("Default", "given") for name, each in template["Parameters"].items()}
    resources = Translator({}, Parser()).translate(template, parameters)["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(translated(sys.stdin.read())))
