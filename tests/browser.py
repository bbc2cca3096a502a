"""A headless browser for tests of pages: Chromium, or the one that `STT_BROWSER` names.

`STT_BROWSER=firefox` takes the Firefox that is installed, of any distribution.
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
# Runs before a page's own scripts: each engine words differently what a policy refused.
_REFUSED = """window.refused = [];
addEventListener("securitypolicyviolation", event => refused.push(event.violatedDirective));"""


@contextmanager
def launched(dark: bool = False, chromium_args: tuple[str, ...] = ()) -> Iterator[Any]:
    """Yield a Playwright browser.

    Args:
        dark: whether pages are asked to be; contexts of Chromium may say otherwise.
        chromium_args: for Chromium alone.
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
                    "media.cubeb.force_mock_context": True,  # sound, on a machine that has none
                },
            )
        yield browser
        browser.close()


@contextmanager
def _program() -> Iterator[Path]:
    """Yield what Playwright starts."""
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
    """Return a page in a context of its own, and what went wrong in it as `page.problems`.

    Args:
        browser: one that is `launched`.
        address: of the page.
        script: run before those of the page.
        context: what Playwright's `new_context` takes.
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
    """Whether this is no error of a script, but Firefox's word of what a policy refused."""
    return "violates the following directive" in str(error)


def refused(page: Any) -> list[str]:
    """Return what the content-security policy of a page refused."""
    found: list[str] = page.evaluate("window.refused")
    return found


def stumbles(page: Any) -> list[str]:
    """Return over what people with screen readers, or weak eyes, stumble on a page: axe's rules."""
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
    """Let a page look as it does when printed; return False where the engine cannot be asked to."""
    page.emulate_media(media="print")
    is_paper: bool = page.evaluate("matchMedia('print').matches")
    return is_paper


@contextmanager
def opened(path: Path, *, dark: bool = False, script: str = "") -> Iterator[Any]:
    """Yield a file as a page without network; fails where a script of it failed.

    Args:
        path: of the file.
        dark: whether it is asked to be.
        script: run before those of the page.
    """
    with launched(dark) as browser:
        scheme = {"color_scheme": "dark" if dark else "light"}
        page = visited(browser, path.absolute().as_uri(), script=script, offline=True, **scheme)
        yield page
        assert not page.problems, page.problems
