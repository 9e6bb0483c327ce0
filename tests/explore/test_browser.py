"""The page in a real browser: Debian's Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from browser import CHROMIUM, FLAGS, needs_browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = needs_browser
expect = playwright.expect
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


@contextmanager
def opened(browser, address: str, width: int = 1280, scheme: str = "light", **more: object) -> Iterator[object]:
    """The page, drawn.  Afterwards: nothing was printed in the console, nothing failed, nothing came from elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
    page, trouble = context.new_page(), []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(f"{request.url}: {request.failure}"))
    page.on(
        "response", lambda answer: trouble.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
    )
    page.on("request", lambda request: trouble.append(request.url) if not request.url.startswith(address) else None)
    page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    expect(page.locator(".answer strong").first).not_to_be_empty()
    expect(page.locator(".sample").first).to_be_visible()
    yield page
    context.close()
    assert not trouble


def decision(page, which: int = 0) -> str:
    return page.locator(".answer strong").nth(which).inner_text()


def strokes(page, *lines: list[tuple[float, float]]) -> None:
    """Draw lines through places of the paper, from 0 to 1."""
    page.locator("#paper").scroll_into_view_if_needed()
    box = page.locator("#paper").bounding_box()
    for line in lines:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in line]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


def set_to(page, label: str, value: float) -> None:
    slider = page.get_by_label(label, exact=True).and_(page.locator("input")).first
    slider.evaluate("(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", value)


def lit(page, layer: int) -> int:
    """How many colours a mosaic has."""
    return (
        page.locator(".mosaic")
        .nth(layer)
        .evaluate(
            """(one) => {
          const copy = document.createElement("canvas");
          copy.width = one.width; copy.height = one.height;
          const context = copy.getContext("2d", { willReadFrequently: true });
          context.drawImage(one, 0, 0);
          return new Set(new Uint32Array(context.getImageData(0, 0, one.width, one.height).data.buffer)).size;
        }"""
        )
    )


def test_a_sample_is_chosen_by_mouse_and_by_key(browser, address: str) -> None:
    with opened(browser, address) as page:
        assert decision(page) == decision(page, 1) == "7"
        page.locator(".sample").nth(1).click()
        expect(page.locator(".answer strong").first).to_have_text("2")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".answer strong").first).to_have_text("1")
        expect(page.locator(".sample[aria-selected=true]")).to_have_attribute("data-number", "2")
        page.keyboard.press("End")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".sample[aria-selected=true]")).to_have_attribute("data-number", "24")
        expect(page.locator(".sample:focus")).to_have_count(1)


def test_a_drawing_changes_the_decision(browser, address: str) -> None:
    with opened(browser, address) as page:
        strokes(page, [(0.5, 0.2), (0.5, 0.8)])
        expect(page.locator(".answer strong").first).to_have_text("1")
        expect(page.locator(".sample[aria-selected=true]")).to_have_count(0)
        page.locator("#clear").click()
        strokes(
            page,
            [(0.5, 0.2), (0.35, 0.35), (0.32, 0.6), (0.45, 0.8), (0.6, 0.75), (0.68, 0.5), (0.62, 0.28), (0.5, 0.2)],
        )
        expect(page.locator(".answer strong").first).to_have_text("0")
        assert decision(page, 1) == "0"


def test_a_pen_is_moved_by_keys(browser, address: str) -> None:
    with opened(browser, address) as page:
        page.locator("#paper").focus()
        for key in ["ArrowUp"] * 8 + ["Enter"] + ["ArrowDown"] * 16:
            page.keyboard.press(key)
        expect(page.locator(".answer strong").first).to_have_text("1")


def test_time_moves(browser, address: str) -> None:
    with opened(browser, address) as page:
        clock = page.locator(".clock").first
        assert lit(page, 1) > 10
        page.locator("#play").focus()
        page.keyboard.press("Tab")
        page.locator("body").click(position={"x": 5, "y": 5})
        page.keyboard.press("Space")
        expect(page.locator("#play")).to_have_text("Pause")
        page.wait_for_timeout(600)
        page.keyboard.press("Space")
        expect(page.locator("#play")).to_have_text("Play")
        at = float(page.locator("#time").input_value())
        assert 0 < at < 1000 and clock.inner_text().startswith("t = ")
        said = clock.inner_text()
        page.locator("#step").click()
        expect(clock).not_to_have_text(said)
        page.locator("#back").click()
        set_to(page, "Time", 0)
        expect(clock).to_contain_text("t = 0.00")
        assert lit(page, 1) == 2  # silent neurons, and the gaps between maps
        page.locator("#speed").select_option("4")
        page.locator("#play").click()
        expect(page.locator("#play")).to_have_text("Play", timeout=10_000)
        assert page.locator("#time").input_value() == "1000"
        box = page.locator(".raster").bounding_box()
        page.locator(".raster").click(position={"x": box["width"] / 2, "y": 20})
        assert 480 < float(page.locator("#time").input_value()) < 520


def test_a_neuron_shows_both_values(browser, address: str) -> None:
    with opened(browser, address) as page:
        page.locator(".mosaic").nth(3).click(position={"x": 40, "y": 50})
        decoded, original = (page.locator(f"[data-value={key}] strong") for key in ("decoded", "original"))
        expect(decoded).not_to_be_empty()
        assert decoded.inner_text() == original.inner_text() != "0"
        expect(page.locator("[data-value=difference]")).to_contain_text("rounding only")
        expect(page.locator(".membrane canvas")).to_be_visible()
        assert page.locator(".arriving tr").count() == 41
        title = page.locator("#neuron h3").inner_text()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#neuron h3")).not_to_have_text(title)
        expect(page.locator(".mosaic").nth(3)).to_be_focused()
        page.locator(".mosaic").nth(6).focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#neuron h3")).to_contain_text("Neuron (0) of layer 12")
        for layer in (0, 2, 7):
            page.locator(".mosaic").nth(layer).focus()
            page.keyboard.press("Home")
            expect(page.locator("#neuron h3")).to_contain_text(
                ("of input", "of layer 3", "of layer 15")[(0, 2, 7).index(layer)]
            )


def test_sliders_change_energy_and_decision(browser, address: str) -> None:
    with opened(browser, address) as page:
        energy = page.locator(".figures dd").nth(1)
        before = energy.inner_text()
        set_to(page, "Weights bits", 6)  # 3 bits
        expect(energy).not_to_have_text(before)
        expect(energy).to_contain_text("than ideal")
        page.locator(".sample").nth(8).click()
        expect(page.locator(".answer strong").nth(1)).to_have_text("5")
        set_to(page, "Jitter SD of spike times", 1)
        set_to(page, "Weights bits", 7)  # 2 bits
        set_to(page, "Ticks a window", 10)  # 4 ticks
        expect(page.locator(".verdict")).to_have_text("decisions differ")
        assert decision(page, 1) == "5" != decision(page)
        latency = page.locator(".clock").first.inner_text()
        set_to(page, "Margin of windows", 2)
        expect(page.locator(".clock").first).not_to_have_text(latency)


def test_two_codings(browser, address: str) -> None:
    with opened(browser, address) as page:
        page.locator("#second").select_option("rate")
        expect(page.locator(".answer strong")).to_have_count(4)
        other = page.locator(".lane").nth(1)
        expect(other.locator(".knob.off .why").first).to_contain_text("fires step by step")
        assert other.get_by_label("Jitter SD of spike times").is_disabled()
        set_to(page, "Time", 500)
        expect(page.locator(".clock").nth(1)).to_have_text("step 32 of 64")
        other.locator(".mosaic").nth(1).click(position={"x": 60, "y": 30})
        expect(page.locator("#neuron h3")).to_contain_text("rate: IF")
        expect(page.locator("[data-value=other]")).to_contain_text("decoded in ttfs")
        assert (
            page.locator("[data-value=other] strong").inner_text()
            == page.locator("[data-value=original] strong").inner_text()
        )
        other.get_by_label("Second coding").select_option("signed")
        expect(page.locator("#neuron h3")).to_contain_text("signed: SignedIF")
        page.locator("#second").select_option("")
        expect(page.locator(".lane")).to_have_count(1)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits(browser, address: str, width: int, scheme: str) -> None:
    with opened(browser, address, width, scheme, device_scale_factor=2) as page:
        page.locator("#second").select_option("rate")
        expect(page.locator(".answer strong")).to_have_count(4)
        page.locator(".mosaic").nth(1).click(position={"x": 60, "y": 30})
        expect(page.locator(".membrane canvas")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")


def test_every_control_has_a_name_and_shows_its_focus(browser, address: str) -> None:
    with opened(browser, address) as page:
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, canvas[tabindex]")].filter((one) =>
              !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.[0]?.textContent.trim())).map((one) => one.outerHTML)"""
        )
        assert unnamed == []
        page.locator("body").press("Tab")
        seen = []
        while page.evaluate("document.activeElement !== document.body"):
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", seen[-1]
            page.keyboard.press("Tab")
        order = [seen.index(one) for one in ("after", "sample", "paper", "play", "time", "mosaic")]
        assert order == sorted(order)


def test_motion_is_spared(browser, address: str) -> None:
    with opened(browser, address, reduced_motion="reduce") as page:
        page.locator("#play").click()
        page.wait_for_timeout(300)
        assert page.locator("#time").input_value() == "0"
        page.wait_for_timeout(700)
        assert float(page.locator("#time").input_value()) > 0


def test_names_that_mean_harm_are_text(browser, hostile: str) -> None:
    with opened(browser, hostile) as page:
        for k in range(3):
            page.locator(".sample").nth(k).click()
        page.locator(".mosaic").nth(1).focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("[data-value=decoded]")).to_be_visible()
        assert page.locator("#model").inner_text() == "<img src=x onerror=alert(1)>"
        assert page.locator("img").count() == 0
