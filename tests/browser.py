"""A headless Chromium for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@contextmanager
def opened(path: Path, **context: Any) -> Iterator[Any]:
    """Yield a file as a page without network; fails where a script of it failed.

    What the content-security policy refused is in `page.refused`.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(offline=True, accept_downloads=True, **context).new_page()
        page.refused, problems = [], []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: problems.append(f"dialog {dialog.message}"))
        page.on(
            "console",
            lambda message: "Security Policy" in message.text and page.refused.append(message.text),
        )
        page.set_default_timeout(20_000)
        page.goto(path.absolute().as_uri())
        yield page
        assert not problems
        browser.close()
