"""The documentation's pictures, taken of a rollout on the local stack: `make pictures` (needs Debian's chromium).

What a picture shows is what people get: `watch` renders its own screen, the mail is worded from the record, the
graph's states are those that the execution entered, and a browser opens the report.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.text import Text

from local import demo
from local.claim_letters import scenario
from local.datadog_standin import MonitorState
from local.demo_run import Demo, Timeline, wait_for
from local.stack import LocalStack, running_stack
from rampart.adapters.announcers import subject_of
from rampart.rollout.event import EventKind
from rampart.rollout.notice import Notice, notice_of
from rampart.rollout.state import Status
from rampart_cli.stack import connect
from rampart_cli.watching import Screen, Seen
from tests.graph import graph_of

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
# Without the fonts that rich would have a browser fetch.
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def picture(name: str, shown: RenderableType, title: str, width: int = 80) -> None:
    """Write what a terminal shows as an SVG."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(shown)
    (FOLDER / f"{name}.svg").write_text(console.export_svg(title=title, code_format=SVG), encoding="utf-8")


def watched(name: str, rollout: str) -> None:
    picture(name, Screen(Seen.of(connect("rampart"), rollout)), f"rampart watch {rollout}")


def asked(story: Demo) -> Notice:
    """The newest question, as `notify` words it from the record."""
    state, gate = story.store.state(story.rollout), story.store.gate(story.rollout)
    events = list(story.store.events(story.rollout).items())
    key, event = next(each for each in reversed(events) if each[1].kind is EventKind.ASKED)
    return notice_of(f"{story.rollout}/{key}", event, state, gate, datetime.now(UTC))


def entered(stack: LocalStack, execution: str) -> list[str]:
    """The states that an execution entered, in order."""
    pages = stack.machines.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = (event for page in pages for event in page["events"])
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def all_are_quiet(stack: LocalStack) -> bool:
    return all(each.state is MonitorState.OK for each in stack.datadog.state.monitors.by_id.values())


def take(story: Demo) -> None:
    """Show what waits at 25%, and a rollback at 50%, on the way to the end."""
    story.approve(story.asked(1))
    waiting = story.asked(25)
    watched("watch-waiting", story.rollout)
    told = asked(story)
    picture("notice", Text(f"Subject: {subject_of(told)}\n\n{told.text}"), "Mail", width=100)
    machine = json.loads((ROOT / "functions/rollout.asl.json").read_text(encoding="utf-8"))
    (FOLDER / "graph.svg").write_text(graph_of(machine, entered(story.stack, story.execution)), encoding="utf-8")
    story.approve(waiting)
    story.wait("50%", lambda s: s.percent == 50)
    story.stack.datadog.change("download", new_error_rate=demo.BROKEN)
    story.wait("the rollback", lambda s: s.status is Status.ROLLED_BACK, while_down=True)
    watched("watch-rolled-back", story.rollout)
    story.stack.datadog.change("download", new_error_rate=demo.FIXED)
    for _ in range(2):  # a monitor that recovers while a busy machine catches up may alert once more
        wait_for("the monitors' recovery", partial(all_are_quiet, story.stack))
        story.stack.datadog.deliverer.wait()
        time.sleep(5)
    story.resume(1, "the new API's timeout is fixed")
    for percent in (25, 50, 75, 100):
        story.approve(story.asked(percent))
    story.wait("the end", lambda s: s.status is Status.COMPLETED)


def photograph(page: Path, name: str) -> None:
    """Open a page in a browser and keep its top."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        opened = browser.new_page(viewport={"width": 1100, "height": 860}, color_scheme="light")
        opened.goto(page.as_uri())
        opened.screenshot(path=FOLDER / f"{name}.jpg", type="jpeg", quality=80)
        browser.close()


@contextmanager
def ticking(stack: LocalStack) -> Iterator[None]:
    ended = threading.Event()
    threading.Thread(target=demo.tick, args=(stack, ended, []), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def main() -> int:
    """Entry point of `make pictures`."""
    if shutil.which("chromium") is None:
        sys.exit("chromium isn't installed, and the report's picture needs it: apt-get install chromium")
    console = Console()
    plan = demo.imported_plan(console)
    flag = plan["flags"][0]
    running = partial(running_stack, tick_seconds=0.5, minute_seconds=1.0, looks_per_minute=60)
    with ExitStack() as ending:
        stack = ending.enter_context(running(scenario(), {flag: 0}))
        os.environ |= stack.environment
        wired, _ = demo.wire(stack, console, plan)
        story = Demo(stack, wired, Timeline(console))
        ending.enter_context(ticking(stack))
        story.execution = stack.start(story.plan, f"{story.rollout}-pictures")
        take(story)
        demo.write_report(story)
        photograph(demo.REPORT, "report")
    for file in sorted(FOLDER.iterdir()):
        console.print(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
