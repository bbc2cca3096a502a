"""Digests that tell the inputs of a command from those of an earlier run of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(values: Any) -> str:
    """Return 16 hexadecimal digits that tell JSON values apart."""
    content = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:16]
