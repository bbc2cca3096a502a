"""Tests against reference inputs and outputs of upstream's software, kept beside the checkout."""

from pathlib import Path

import pytest

ORACLE = Path(__file__).parents[3] / "shared/oracle/tf"
REFERENCES = ORACLE / "refs"
needs_oracle = pytest.mark.skipif(
    not REFERENCES.is_dir(), reason="../shared/oracle/tf, upstream's outputs, is not here"
)
