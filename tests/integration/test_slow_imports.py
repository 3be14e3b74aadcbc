"""What a command does not import, because it costs more than what the command does."""

import subprocess
import sys
from pathlib import Path

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
