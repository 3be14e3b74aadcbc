"""What a command does not import, because it costs more than what the command does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

NO_AWS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"} | {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
}
"""An AWS that does not answer: everything that a command loads is loaded before it is asked."""
PAGE = Path(__file__).parents[1] / "unit/document/pages/early-results.md"


def test_plan_import_loads_no_other_command_plan_model_or_calendar() -> None:
    slow = ["rampart_cli.commands.report", "rampart.plan.model", "holidays"]
    code = (
        "import sys; from rampart_cli.main import main; "
        f"main(['plan', 'import', {str(PAGE)!r}, '--json']); "
        f"print([name for name in {slow} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


ASKS_NO_ONE = [
    "pydantic.main",
    "rich.console",
    "yaml",
    "boto3",
    "botocore",
    "requests",
    "rampart.plan.model",
    "holidays",
]
READS = ["matplotlib", "markdown_it", "jinja2", "datadog_api_client", "rampart_cli.datadog", "rampart_cli.replay"]


@pytest.mark.parametrize(
    ("line", "slow"),
    [
        ("--version", ASKS_NO_ONE),
        ("--help", ASKS_NO_ONE),
        ("plan --help", ASKS_NO_ONE),
        ("list", READS),
        ("status", READS),
        ("events letters", READS),
        ("alerts", READS),
        ("approve letters --yes", [*READS, "rampart_cli.document"]),
        ("rollback letters", [*READS, "rampart_cli.document"]),
    ],
)
def test_a_command_loads_only_what_it_needs(line: str, slow: list[str]) -> None:
    code = (
        "import sys; from rampart_cli.main import main; "
        f"main({line.split()!r}); "
        f"print([name for name in {slow} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=NO_AWS, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_no_commands_help_loads_anything_that_it_only_runs_with() -> None:
    code = (
        "import sys; from rampart_cli.main import _COMMANDS, main; "
        "[main([*name.split(), '--help']) for name in _COMMANDS]; "
        f"print([name for name in {ASKS_NO_ONE} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout.count("Usage: rampart ") > 20


def test_asking_loads_no_catalogue_of_models() -> None:
    """`v2.models` takes more than a second and 90 MiB, which every cold start would pay."""
    script = """
import json, sys
from rampart.adapters.datadog import DatadogMetricSource
from tests.doubles import FixedSecret
before = [name for name in sys.modules if name.startswith("datadog_api_client")]
source = DatadogMetricSource("datadoghq.com", FixedSecret({"api_key": "a", "app_key": "b"}), url="http://127.0.0.1:1")
source.read({"q": "sum:a{*}.as_count()"}, start=0, end=600, bucket=300)
try:
    source.read_monitors([1])
except Exception:
    pass
loaded = [name for name in sys.modules if name.startswith("datadog_api_client")]
ends = lambda end: [name for name in loaded if name.endswith(end)]
print(json.dumps([before, ends(".models"), ends("metrics_api")]))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_path())
    before, catalogs, apis = json.loads(ran.stdout)
    assert before == []
    assert catalogs == []
    assert apis == ["datadog_api_client.v2.api.metrics_api"]


def _path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
