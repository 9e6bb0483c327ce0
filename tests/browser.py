"""Pages in a real browser: Debian's Chromium, driven by Playwright; without them the tests skip and say so."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here: apt-get install chromium")


@contextmanager
def page(width: int = 1280, dark: bool = False, **more: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page, and what went wrong in it: messages of errors and warnings, failed and foreign requests."""
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not here: pip install playwright")
    with sync.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            made = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", **more
            ).new_page()
            wrong: list[str] = []
            made.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
            made.on("pageerror", lambda e: wrong.append(str(e)))
            made.on("requestfailed", lambda r: wrong.append(f"{r.url}: {r.failure}"))
            yield made, wrong
        finally:
            browser.close()


def wide(made: Any) -> bool:
    """Whether the page has to be scrolled sideways."""
    return bool(made.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
