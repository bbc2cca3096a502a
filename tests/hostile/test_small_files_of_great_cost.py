"""Small files that could take forever to read, fill the memory, or crash Python."""

from __future__ import annotations

import tarfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.readers.nemo_file import is_nemo
from coqui_stt_training.checkpoints.readers.torch_pickle import read_pickle
from coqui_stt_training.checkpoints.state_file import read_state
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.foreign import ForeignConfig
from hostile.test_broken_checkpoints import bounded, fails
from whisper_formats import openai_tensors, write_openai


@pytest.mark.parametrize("line", [b"\n", b'model_checkpoint_path: "\n'])
def test_a_state_file_of_many_lines(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(line * (200_000 // len(line)))
    with bounded(), pytest.raises(CheckpointError, match="is damaged"):
        read_state(tmp_path / "checkpoint")


def test_a_list_of_convolutions_with_many_spaces(tmp_path: Path) -> None:
    layers = "[" + "(1, 1, 1)      " * 20 + "x"
    content = {"model": {}, "cfg": {"model": {"conv_feature_layers": layers}}}
    torch.save(content, tmp_path / "model.pt")
    load_source_once(tmp_path)
    fails(tmp_path / "model.pt", "conv_feature_layers is")


def load_source_once(folder: Path) -> None:
    """Read a model, so that `bounded` does not measure imports."""
    load_source(write_openai(folder / "tiny.pt"))


def test_settings_that_refer_to_each_other(tmp_path: Path) -> None:
    settings: Any = {"encoder_layers": 1}
    for _ in range(8):
        settings = Namespace(**{f"part_{number}": settings for number in range(300)})
    torch.save({"model": {}, "cfg": settings}, tmp_path / "model.pt")
    load_source_once(tmp_path)
    fails(tmp_path / "model.pt", "encoder_layers is None")


def test_values_that_refer_to_each_other_are_shown_shortened() -> None:
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    values = yaml.safe_load("\n".join(lines))
    with bounded(), pytest.raises(ValueError, match=r"a39 is .* must be a positive"):  # noqa: SIM117
        with ForeignConfig(values) as config:
            config.integer("a39")


def _header(name: str, size: int) -> bytes:
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    if size < 0:
        header[124:136] = b"\xff" + (size & (1 << 88) - 1).to_bytes(11, "big")
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def test_an_archive_whose_members_go_round(tmp_path: Path) -> None:
    path = tmp_path / "model.nemo"
    path.write_bytes(_header("a", 0) + _header("b", 0) + _header("c", -1024) + bytes(10240))
    with bounded():
        assert not is_nemo(path)
    fails(path, "is a tar archive")


def test_an_archive_of_long_names_alone(tmp_path: Path) -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type = tarfile.GNUTYPE_LONGNAME
    (tmp_path / "model.nemo").write_bytes(long_name.tobuf(tarfile.GNU_FORMAT) * 2000)
    fails(tmp_path / "model.nemo", "is a tar archive")


def test_a_key_nested_beyond_the_stack() -> None:
    nested = b"\x85" * 300_000  # TUPLE1
    with bounded():
        assert read_pickle(b"\x80\x02})" + nested + b"K\x01s.").value == {}


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((1,), (2**70,)), ((1,) * 100, (1,) * 100), ((0, 5), (4 * 2**70, 2**70)), ((2**70,), (0,))],
    ids=["stride", "dimensions", "empty", "length"],
)
def test_a_tensor_beyond_what_numpy_counts(
    tmp_path: Path, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    tensors: dict[str, Any] = {n: torch.from_numpy(t) for n, t in openai_tensors().items()}
    tensors["encoder.ln_post.bias"] = _Strided(torch.zeros(16), shape, strides)
    fails(write_openai(tmp_path / "tiny.pt", model_state_dict=tensors), "tiny.pt: ")


class _Strided:
    """Something that is pickled as a tensor of any shape and strides."""

    def __init__(self, tensor: torch.Tensor, *layout: tuple[int, ...]) -> None:
        self.tensor, self.layout = tensor, layout

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, (storage, offset, _, _, *rest) = self.tensor.__reduce_ex__(2)
        return rebuild, (storage, offset, *self.layout, *rest)
