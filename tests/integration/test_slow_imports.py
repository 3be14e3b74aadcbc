"""What a command does not import, because it costs more than what the command does."""

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
