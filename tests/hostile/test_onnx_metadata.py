"""`.onnx` files with invalid metadata: refused with an error that names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stt

from . import test_encoder_exports as encoder
from . import test_onnx_files as windowed


@pytest.mark.parametrize(
    ("export", "key", "value"),
    [
        *((windowed.export, key, value) for key, value in (
            ("n_steps", "x"), ("alphabet", "?"), ("alphabet", "/////w=="),
            ("beam_width", "9" * 5000), ("sample_rate", "0"), ("n_context", "-1"),
            ("format_version", "one"),
        )),
        *((encoder.export, key, value) for key, value in (
            ("step_seconds", "0.04"), ("step_seconds", "nan"), ("longest_seconds", "1e9"),
            ("shortest_samples", "0"), ("live_left_seconds", "-1"), ("alphabet", "?"),
            ("beam_width", "9" * 5000), ("sample_rate", "0"), ("format_version", "2"),
        )),
    ],
)  # fmt: skip
def test_metadata_that_is_wrong(
    tmp_path: Path, export: Callable[[], Any], key: str, value: str
) -> None:
    model = export()
    (entry,) = (entry for entry in model.metadata_props if entry.key == key)
    entry.value = value
    with pytest.raises(stt.ModelError, match=r"model\.onnx"):
        stt.Model(windowed.write(tmp_path, model))
