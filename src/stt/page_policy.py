"""Content-security policies of pages that hold their own scripts and styles.

They name these by their hashes, so that text which gets past the escaping is not run.
https://www.w3.org/TR/CSP3/#framework-directive-source-list
"""

from __future__ import annotations

import base64
import hashlib
import re

_OWN = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def source_hash(text: str) -> str:
    """Return how a policy names the text of a `<script>` or `<style>`."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy_of(page: str, further_scripts: str = "", **directives: str) -> str:
    """Return the policy of a page under which only what is in it acts, and nothing is loaded.

    Args:
        page: HTML of our own, whose `<style>` and `<script>` have no attributes.
        further_scripts: other sources of scripts, as a policy spells them.
        directives: what else is allowed: `img_src="data:"`.
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
