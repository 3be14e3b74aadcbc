"""What the local stack makes of a template: outputs, parameters as they were given, and errors that can be read."""

from pathlib import Path

import pytest

from local import deployment, ministack

pytestmark = pytest.mark.skipif(not ministack.INTERPRETER.exists(), reason="no .venv-aws: `make local-tools` makes it")

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Message: {Type: String}
Resources:
  Queue: {Type: AWS::SQS::Queue}
Outputs:
  Queue: {Value: !Ref Queue}
  Message: {Value: !Ref Message}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture(autouse=True)
def own_build_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "BUILD", tmp_path / "build")


def test_outputs_and_parameters_arrive_as_they_are(template: Path) -> None:
    message = """says "hello, world" & c:\\temp; 'twice'  """
    with ministack.running() as running:
        outputs = deployment.deploy(running, stack_name="try", parameters={"Message": message}, template=template)
        queues = running.client("sqs").list_queues()["QueueUrls"]

    assert outputs == {"Message": message, "Queue": queues[0]}


def test_a_build_that_fails_is_told_in_the_words_of_what_failed(template: Path) -> None:
    layer = "{Type: AWS::Serverless::LayerVersion, Metadata: {BuildMethod: makefile}, Properties: {ContentUri: .}}"
    template.write_text(TEMPLATE.replace("Resources:", f"Resources:\n  Layer: {layer}"))
    template.with_name("Makefile").write_text("build-Layer:\n\t@echo the package is not to be had >&2; exit 3\n")

    with pytest.raises(deployment.SamFailedError, match=r"(?s)^`sam build` ended .* the package is not to be had"):
        deployment.build(template)
