"""Digests of a command's inputs, to detect that they have changed since an earlier run."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of(values: Any) -> str:
    """Return a digest of JSON values: 16 hexadecimal digits."""
    content = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:16]
