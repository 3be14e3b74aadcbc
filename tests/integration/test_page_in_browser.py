"""The page in a real browser: complete, legible in both schemes and on a phone, and without one request leaving it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from rampart_cli.report.history import gather
from rampart_cli.report.page import render
from tests.unit.report.conftest import climb, whole_story

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]

DESK, TABLET, PHONE = (1200, 900), (768, 1024), (390, 844)
LEAST_CONTRAST = 4.5
"""What WCAG 2.2 asks of text: https://www.w3.org/TR/WCAG22/#contrast-minimum"""

# Contrast of every text with the color behind it, as WCAG computes it; a gradient has no one color.
CONTRASTS = """() => {
  const rgba = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (element) => { for (let e = element; e; e = e.parentElement) {
    if (getComputedStyle(e).backgroundImage !== 'none') return null;
    const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    const back = behind(e); if (!back) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(e instanceof SVGElement ? style.fill : style.color)), light(back)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@dataclass(slots=True)
class Opened:
    """A page in the browser, what it asked for, and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    story = whole_story()
    path = tmp_path_factory.mktemp("report") / "letters.html"
    path.write_text(render(gather(story.records, story.records.states["letters"])))
    return path


def opened(browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]) -> Opened:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    seen = Opened(context.new_page())
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.goto(file.as_uri(), wait_until="networkidle")
    return seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
class TestEveryView:
    """What holds in both schemes, at a desk, on a tablet, and on a phone."""

    def test_it_asks_for_nothing_and_complains_of_nothing(
        self, browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
    ) -> None:
        seen = opened(browser, file, size, scheme)
        assert seen.requests == [file.as_uri()]
        assert seen.complaints == []

    def test_its_story_and_one_picture_of_each_kind_are_seen(
        self, browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
    ) -> None:
        page = opened(browser, file, size, scheme).page
        assert page.get_by_role("heading", name="Letters from the new source", level=1).is_visible()
        pictures = page.get_by_role("img").all()
        assert len(pictures) == 3
        for picture in pictures:
            box = picture.bounding_box()
            assert box is not None
            assert box["width"] > 0.7 * min(size[0], 1000)
            assert box["height"] > 100
        assert page.get_by_text("monitor 4711 alerts: download error rate 14%").first.is_visible()

    def test_the_page_is_never_wider_than_its_window(
        self, browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
    ) -> None:
        page = opened(browser, file, size, scheme).page
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]

    def test_every_text_stands_out_from_what_is_behind_it(
        self, browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
    ) -> None:
        page = opened(browser, file, size, scheme).page
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 100
        assert [each for each in contrasts if each[0] < LEAST_CONTRAST] == []

    def test_no_table_is_cut_off(
        self, browser: Browser, file: Path, size: tuple[int, int], scheme: Literal["light", "dark"]
    ) -> None:
        page = opened(browser, file, size, scheme).page
        page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
        boxes = page.evaluate("[...document.querySelectorAll('.scroll')].map((e) => [e.scrollWidth, e.clientWidth])")
        assert len(boxes) > 5
        assert [each for each in boxes if each[0] > each[1]] == []


# Pairs of texts of one picture that lie on each other.
COLLISIONS = """() => [...document.querySelectorAll('svg')].filter((s) => s.checkVisibility()).flatMap((svg) => {
  const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim());
  const boxes = texts.map((t) => [t.textContent.trim(), t.getBoundingClientRect()]);
  return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([, q]) =>
    p.left < q.right - 0.5 && q.left < p.right - 0.5 && p.top < q.bottom - 1 && q.top < p.bottom - 1
  ).map(([b]) => a + ' on ' + b));
})"""


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_no_number_runs_over_its_tile(browser: Browser, file: Path, tmp_path: Path, width: int) -> None:
    """A rollout takes 23 min 56 s, and a stage may be for people by name."""
    long = tmp_path / "long.html"
    first, *rest = re.split("(?<=<strong>)", file.read_text())
    tiles = [each.replace(each.partition("<")[0], "actor User;1, group beta-testers, 23 min 56 s", 1) for each in rest]
    long.write_text("".join([first, *tiles]))
    page = opened(browser, long, (width, 900), "light").page
    widths = page.evaluate("[...document.querySelectorAll('.tiles strong')].map((e) => [e.scrollWidth, e.clientWidth])")
    assert len(widths) == 6
    assert [each for each in widths if each[0] > each[1]] == []


LONG = "cst_claim_letters_use_the_lighthouse_api_provider_for_every_veteran_in_every_state"
STAIRCASES = {
    1: [100],
    5: [1, 25, 50, 75, 100],
    11: [1, 2, 5, 10, 25, 35, 50, 60, 75, 90, 100],
    20: [0.5, 1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 95, 100],
}


@pytest.mark.parametrize("width", [390, 768, 1200])
@pytest.mark.parametrize("percents", STAIRCASES.values(), ids=lambda percents: f"{len(percents)} stages")
def test_however_many_stages_there_are_and_however_long_the_names_nothing_runs_over(
    browser: Browser, tmp_path: Path, percents: list[float], width: int
) -> None:
    told = climb(percents, [LONG], fails_at=len(percents) // 2, until=len(percents), hours=24)
    path = tmp_path / "many.html"
    path.write_text(render(gather(told.records, told.records.states["letters"])))
    page = opened(browser, path, (width, 900), "light").page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(COLLISIONS) == []
    for percent in percents if len(percents) <= 11 else ():  # of more, the axis has room for some
        assert page.locator("svg:visible").nth(1).get_by_text(f"{percent}%", exact=True).count() >= 1


def test_a_table_that_scrolls_can_be_reached_by_keyboard_and_has_a_name(browser: Browser, file: Path) -> None:
    page = opened(browser, file, DESK, "light").page
    box = page.get_by_role("region", name="Table: index error rate")
    box.focus()
    assert box.evaluate("(e) => e === document.activeElement")


def test_on_a_phone_every_cell_says_what_it_is(browser: Browser, file: Path) -> None:
    page = opened(browser, file, PHONE, "light").page
    cells = "[...document.querySelectorAll('tbody td, tbody th')].filter((e) => e.textContent.trim())"
    assert page.evaluate(f"{cells}.filter((e) => !e.dataset.label).length") == 0


def test_the_two_schemes_differ(browser: Browser, file: Path) -> None:
    colors = {
        opened(browser, file, DESK, scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert len(colors) == 2


def test_text_in_pictures_keeps_its_size_on_a_phone(browser: Browser, file: Path) -> None:
    page = opened(browser, file, PHONE, "light").page
    texts = "[...document.querySelectorAll('svg text')].filter((e) => e.checkVisibility())"
    heights = page.evaluate(f"{texts}.map((e) => e.getBoundingClientRect().height)")
    assert min(heights) >= 8


def test_what_is_folded_away_can_be_unfolded_by_keyboard(browser: Browser, file: Path) -> None:
    page = opened(browser, file, DESK, "light").page
    folded = page.locator("summary", has_text="Everything that happened")
    folded.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("table", name="Every event, oldest first").is_visible()


def test_the_policy_stops_what_somebody_might_smuggle_in(browser: Browser, file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    smuggled = '<img src="http://127.0.0.1:9/pixel"><script>document.title = "owned"</script></main>'
    bad.write_text(file.read_text().replace("</main>", smuggled))
    seen = opened(browser, bad, DESK, "light")
    assert seen.page.title() != "owned"
    assert any("Content Security Policy" in each for each in seen.complaints)
