"""A headless browser for tests of pages: Chromium, or the one that `STT_BROWSER` names.

`STT_BROWSER=firefox` uses the installed Firefox, whichever distribution it comes from.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = {"chromium": ("chromium", "chromium-browser"), "firefox": ("firefox", "firefox-esr")}
ENGINE = os.environ.get("STT_BROWSER", "chromium")
if ENGINE not in _PROGRAMS:
    raise pytest.UsageError(f"STT_BROWSER is {ENGINE!r}; it can be {' or '.join(_PROGRAMS)}")
_PROGRAM = next(filter(None, map(shutil.which, _PROGRAMS[ENGINE])), None)
needs_browser = pytest.mark.skipif(_PROGRAM is None, reason=f"there is no {ENGINE} here")
# Runs before a page's own scripts. Violations of the content-security policy are recorded by
# their events, because each engine words its messages differently.
_REFUSED = """window.refused = [];
addEventListener("securitypolicyviolation", event => refused.push(event.violatedDirective));"""


@contextmanager
def launched(dark: bool = False, chromium_args: tuple[str, ...] = ()) -> Iterator[Any]:
    """Yield a Playwright browser.

    Args:
        dark: whether Firefox prefers dark pages; in Chromium, each context sets its own scheme.
        chromium_args: command-line arguments of Chromium; Firefox does not get them.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver, _program() as program:
        if ENGINE == "chromium":
            browser = driver.chromium.launch(
                executable_path=program, args=["--no-sandbox", *chromium_args]
            )
        else:
            browser = driver.firefox.launch(
                channel="moz-firefox",
                executable_path=program,
                firefox_user_prefs={
                    "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
                    "media.cubeb.force_mock_context": True,  # for machines without a sound card
                },
            )
        yield browser
        browser.close()


@contextmanager
def _program() -> Iterator[Path]:
    """Yield the path of the program that Playwright starts: the browser, or a bridge to it."""
    assert _PROGRAM is not None
    if ENGINE == "chromium":
        yield Path(_PROGRAM)
        return
    bridge = Path(__file__).with_name("firefox_bridge.py")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "firefox")
        program.write_text(
            f'#!/bin/sh\nexec {shlex.join([sys.executable, str(bridge), _PROGRAM])} "$@"\n'
        )
        program.chmod(0o700)
        yield program


def visited(browser: Any, address: str, *, script: str = "", **context: Any) -> Any:
    """Return a page in its own context; `page.problems` lists script errors and dialogs.

    Args:
        browser: browser from `launched`.
        address: URL of the page.
        script: JavaScript to run before the page's scripts.
        context: arguments of Playwright's `new_context`.
    """
    page = browser.new_context(accept_downloads=True, **context).new_page()
    page.problems = []
    page.on("pageerror", lambda error: _is_refusal(error) or page.problems.append(str(error)))
    page.on("dialog", lambda dialog: page.problems.append(f"dialog {dialog.message}"))
    page.add_init_script(_REFUSED + script)
    page.set_default_timeout(30_000)
    page.goto(address)
    return page


def _is_refusal(error: Any) -> bool:
    """Return whether this is Firefox's message about its policy rather than a script's error."""
    return "violates the following directive" in str(error)


def refused(page: Any) -> list[str]:
    """Return the directives of the page's content-security policy that were violated."""
    found: list[str] = page.evaluate("window.refused")
    return found


def stumbles(page: Any) -> list[str]:
    """Return the violations of axe's accessibility rules on a page, one text for each element."""
    package = Path(pytest.importorskip("axe_playwright_python").__file__).parent
    for details in page.query_selector_all("details:not([open])"):
        details.evaluate("one => { one.open = true; }")
    page.evaluate((package / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {place['html'][:200]}"
        for one in found["violations"]
        for place in one["nodes"]
    ]


def shows_paper(page: Any) -> bool:
    """Emulate the print medium; return False if the engine does not support that."""
    page.emulate_media(media="print")
    is_paper: bool = page.evaluate("matchMedia('print').matches")
    return is_paper


@contextmanager
def opened(path: Path, *, dark: bool = False, script: str = "") -> Iterator[Any]:
    """Yield a file as a page without network; fail if one of its scripts failed.

    Args:
        path: path of the file.
        dark: whether the browser prefers dark pages.
        script: JavaScript to run before the page's scripts.
    """
    with launched(dark) as browser:
        scheme = {"color_scheme": "dark" if dark else "light"}
        page = visited(browser, path.absolute().as_uri(), script=script, offline=True, **scheme)
        yield page
        assert not page.problems, page.problems
