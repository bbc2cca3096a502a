"""Content security policies of pages with inline scripts and styles.

A policy lists the hashes of these, so that scripts injected past the escaping do not run.
https://www.w3.org/TR/CSP3/#framework-directive-source-list
"""

from __future__ import annotations

import base64
import hashlib
import re

_OWN = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def source_hash(text: str) -> str:
    """Return the source expression of a policy for the text of a `<script>` or `<style>`."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy_of(page: str, further_scripts: str = "", **directives: str) -> str:
    """Return the policy of a page that allows its own scripts and styles, and nothing else.

    Args:
        page: HTML of the page, whose `<style>` and `<script>` have no attributes.
        further_scripts: further source expressions for scripts.
        directives: further directives, such as `img_src="data:"`.
    """
    texts = _OWN.findall(page)
    sources = {
        f"{kind}-src": " ".join(source_hash(text) for name, text in texts if name == kind)
        for kind in ("style", "script")
    }
    sources["script-src"] = f"{sources['script-src']} {further_scripts}".strip()
    sources |= {name.replace("_", "-"): source for name, source in directives.items()}
    closed = {"default-src", "base-uri", "form-action", "frame-ancestors"}
    named = {name: source for name, source in sources.items() if source}
    named |= dict.fromkeys(sorted(closed - set(named)), "'none'")
    return "; ".join(f"{name} {source}" for name, source in named.items())
