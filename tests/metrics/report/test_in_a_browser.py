"""The report where it is looked at: sorted, played and stepped with mouse and keys, in light and dark, wide and narrow."""

import json
import time

import pytest

from tests.browser import CHROMIUM, Browser
from tests.metrics.conftest import FRAMES, HOSTILE

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

VIDEOS = "[...document.querySelector('.player').querySelectorAll('video')]"
SHOWN = "document.querySelector('.player output').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(browser, report):
    """The page as it stands, opened anew; its console stays silent, and it asks for nothing but itself."""
    browser.open(report)
    yield browser
    assert browser.problems == []
    assert {address for address in browser.requests if not address.startswith("data:")} == {report.as_uri()}


def column(page, heading: str) -> list[str]:
    """The values of a column of the table of all pairs, from the top."""
    return page.ask(f"""(() => {{
        const table = document.querySelector("#pairs table");
        const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim().startsWith("{heading}"));
        return [...table.tBodies[0].rows].map((row) => row.cells[place].dataset.value ?? row.cells[place].textContent);
    }})()""")


def heading(page, name: str) -> str:
    """A selector of a heading's button in that table."""
    names = page.ask("[...document.querySelector('#pairs thead tr').cells].map((cell) => cell.textContent.trim())")
    place = next(number for number, text in enumerate(names, start=1) if text.startswith(name))
    return f"#pairs thead th:nth-child({place})"


def test_a_heading_sorts_by_mouse_and_by_keyboard(page):
    psnr = heading(page, "PSNR")
    page.click(f"{psnr} button")
    assert page.ask(f"document.querySelector({json.dumps(psnr)}).ariaSort") == "descending"
    values = column(page, "PSNR")
    known = [float(value) for value in values if value]
    assert len(known) > 1
    assert known == sorted(known, reverse=True)
    assert values[len(known) :] == [""] * (len(values) - len(known))  # values left out stay at the end
    page.press("Enter")  # the button still has the focus
    assert page.ask(f"document.querySelector({json.dumps(psnr)}).ariaSort") == "ascending"
    assert column(page, "PSNR") == [f"{value}" for value in sorted(known)] + values[len(known) :]
    page.focus(f"{heading(page, 'System')} button")
    page.press(" ")
    systems = column(page, "System")
    assert systems == sorted(systems, key=str.lower)
    assert (
        page.ask("document.querySelectorAll('#pairs th[aria-sort=ascending], #pairs th[aria-sort=descending]').length")
        == 1
    )


def set_speed(page, rate: float) -> None:
    page.ask(f"""(() => {{
        const select = document.querySelector(".player select");
        select.value = "{rate:g}";
        select.dispatchEvent(new Event("change"));
    }})()""")


def test_all_videos_of_a_pair_play_in_step(page):
    """At a quarter of the speed while we look, as a busy machine looks late."""
    page.wait(f"{VIDEOS}.every((video) => video.readyState >= 2)")
    assert page.ask(f"{VIDEOS}.map((video) => video.duration)") == pytest.approx([FRAMES / 25] * 3)
    set_speed(page, 0.25)
    page.click(".player [data-do=play]")
    page.wait(f"{VIDEOS}.every((video) => !video.paused && video.currentTime > 0.5)")
    times = page.ask(f"{VIDEOS}.map((video) => video.currentTime)")
    assert max(times) - min(times) < 0.06
    assert page.ask("document.querySelector('.player [data-do=play]').textContent") == "Pause"
    page.press(" ")  # the button has the focus
    page.wait(f"{VIDEOS}.every((video) => video.paused)")
    assert page.ask("parseFloat(document.querySelector('.player .cursor').style.left)") > 6
    set_speed(page, 1)
    page.click(".player [data-do=play]")
    page.wait(f"{VIDEOS}.every((video) => video.paused) && {SHOWN} === '{FRAMES} / {FRAMES}'")  # to the end


def test_single_frames_are_stepped_through(page):
    page.wait(f"{VIDEOS}.every((video) => video.readyState >= 2)")
    page.wait(f"{SHOWN} === '1 / {FRAMES}'")
    page.click(".player [data-do=forward]")
    page.click(".player [data-do=forward]")
    page.click(".player [data-do=back]")
    page.focus(".player")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.press(key)
    assert page.ask(SHOWN) == f"3 / {FRAMES}"
    middle = 2.5 / 25  # of the frame's time
    page.wait(f"{VIDEOS}.every((video) => !video.seeking && Math.abs(video.currentTime - {middle}) < 1e-4)")
    page.focus(".player input")
    page.press("ArrowRight")  # the slider's own key
    assert page.ask(SHOWN) == f"4 / {FRAMES}"


def test_one_video_is_listened_to(page):
    page.click(".player figure:nth-child(2) .listen")
    assert page.ask(f"{VIDEOS}.map((video) => video.muted)") == [True, False, True]
    page.click(".player figure:nth-child(1) .listen")
    assert page.ask(f"{VIDEOS}.map((video) => video.muted)") == [False, True, True]


def test_the_metric_whose_clips_are_plotted_is_chosen(page):
    seen = "[...document.querySelectorAll('#clips figure')].map((plot) => plot.checkVisibility())"
    assert page.ask(seen).index(True) == 0
    page.focus("#clips select")
    page.press("ArrowDown")
    page.wait(f"{seen}.indexOf(true) === 1")
    assert page.ask(seen).count(True) == 1


def test_the_columns_of_the_long_table_are_chosen(page):
    shown = "[...document.querySelectorAll('#pairs thead th')].filter((cell) => cell.checkVisibility()).length"
    few = page.ask(shown)
    page.focus("#pairs select")
    page.press("ArrowDown")
    page.wait(f"{shown} !== {few}")
    page.ask("document.querySelector('#pairs select').value = document.querySelector('#pairs option:last-child').value")
    page.ask("document.querySelector('#pairs select').dispatchEvent(new Event('change'))")
    everything = page.ask("document.querySelectorAll('#pairs thead th').length")
    assert page.ask(shown) == everything > few
    assert page.ask("[...document.querySelectorAll('#pairs td')].every((cell) => cell.checkVisibility())")


def test_another_pair_is_chosen_and_the_first_falls_silent(page):
    page.wait(f"{VIDEOS}.every((video) => video.readyState >= 2)")
    assert page.ask("[...document.querySelectorAll('.player')].filter((one) => one.checkVisibility()).length") == 1
    set_speed(page, 0.25)
    page.click(".player [data-do=play]")
    page.wait(f"{VIDEOS}.every((video) => !video.paused)")
    page.focus("#players select")
    page.press("ArrowDown")
    page.wait(f"{VIDEOS}.every((video) => video.paused)")
    second = "document.querySelectorAll('.player')[1]"
    assert page.ask(f"{second}.checkVisibility() && !document.querySelector('.player').checkVisibility()")
    page.wait(f"[...{second}.querySelectorAll('video')].every((video) => video.readyState >= 2)")  # loaded only now
    page.ask(f"{second}.focus()")
    page.press("ArrowRight")
    assert page.ask(f"{second}.querySelector('output').textContent") == f"2 / {FRAMES}"


def test_the_frame_is_spoken_while_stepping_and_not_while_playing(page):
    live = "document.querySelector('.player output').ariaLive"
    page.wait(f"{VIDEOS}.every((video) => video.readyState >= 2)")
    set_speed(page, 0.25)
    page.click(".player [data-do=play]")
    assert page.ask(live) == "off"
    page.click(".player [data-do=forward]")
    assert page.ask(live) == "polite"
    text = page.ask("document.querySelector('.player input').getAttribute('aria-valuetext')")
    assert text == page.ask(SHOWN).replace("/", "of")


def test_paper_has_no_controls_and_every_plot(page):
    page.call("Emulation.setEmulatedMedia", media="print")
    visible = "[...document.querySelectorAll('{}')].map((element) => element.checkVisibility())"
    assert not any(page.ask(visible.format("nav, [data-do], .listen")))
    assert all(page.ask(visible.format("#bars svg")))
    page.call("Emulation.setEmulatedMedia", media="")


def test_a_papers_figure_leads_to_its_explanation(page):
    page.click("a.paper")
    page.wait("location.hash === '#paper-1'")
    page.wait(
        "(({top, bottom}) => top >= 0 && bottom <= innerHeight)(document.querySelector('#paper-1').getBoundingClientRect())"
    )


def test_hostile_names_stay_names(page):
    assert page.ask("document.querySelectorAll('script').length") == 1
    assert HOSTILE in page.ask("document.querySelector('#players option').textContent")
    assert page.ask("document.querySelectorAll('main i, main u, main em').length") == 0


def test_every_control_speaks(page):
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "slider", "combobox", "image", "table", "region", "Video"}
    found = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    assert {node["role"]["value"] for node in found} == roles
    nameless = [node["role"]["value"] for node in found if not node.get("name", {}).get("value")]
    assert nameless == []


def test_the_tab_key_visits_everything_from_top_to_bottom(page):
    places = []
    for _ in range(12):
        page.press("Tab")
        places.append(page.ask("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert page.ask("document.activeElement !== document.body")
    assert places[1:] == sorted(places[1:])  # the first is the link that skips to the table
    assert page.ask("[...document.querySelectorAll('[tabindex]')].every((element) => element.tabIndex === 0)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out(page, report, scheme):
    page.open(report, prefers_color_scheme=scheme)
    faint = page.ask("""(() => {
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const rgb = (colour) => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
        };
        const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = (element) => {
            const colour = rgb(getComputedStyle(element).backgroundColor);
            return colour[3] === 255 || !element.parentElement ? colour : ground(element.parentElement);
        };
        const found = [];
        for (const element of document.body.querySelectorAll(":not(svg *, script)")) {
            const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!text || !element.checkVisibility()) continue;
            const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) found.push([element.tagName, element.textContent.slice(0, 30), contrast]);
        }
        return found;
    })()""")
    assert faint == []


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_wide_tables_scroll_by_themselves_and_the_page_does_not(page, report, width):
    page.open(report, width=width, height=800)
    assert page.ask("document.documentElement.scrollWidth") <= width


def test_who_wants_no_motion_gets_none(page, report):
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.ask(behaviour) == "smooth"
    page.open(report, prefers_reduced_motion="reduce")
    assert page.ask(behaviour) == "auto"
    time.sleep(0.2)
    assert page.ask(f"{VIDEOS}.every((video) => video.paused)")  # nothing plays by itself
