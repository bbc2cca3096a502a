"""The model that the geometry flags describe, and flags that have no effect on a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..cli.geometry_flags import DEEPSPEECH, STREAMING, GeometryFlags
from ..errors import FlagError
from ..models.deepspeech.geometry import Geometry
from ..models.specification import Specification
from ..models.streaming.specification import StreamingEncoder

_FRONT_END_MILLISECONDS = 10  # between frames of the streaming encoder's front end
_MLP_WIDTHS = 4


def described_model(flags: GeometryFlags, n_classes: int) -> Specification:
    """Return the specification of a model from scratch, as the flags describe it."""
    if flags.architecture == DEEPSPEECH:
        return Geometry(flags.n_hidden, n_classes, flags.layer_norm, relu_clip=flags.relu_clip)
    return StreamingEncoder(
        n_classes=n_classes,
        reduction=flags.frame_milliseconds // _FRONT_END_MILLISECONDS,
        width=flags.encoder_width,
        attention_heads=flags.encoder_heads,
        blocks=flags.encoder_blocks,
        mlp_width=_MLP_WIDTHS * flags.encoder_width,
        chunk_frames=flags.chunk_milliseconds // flags.frame_milliseconds,
        left_frames=flags.left_milliseconds // flags.frame_milliseconds,
    )


def describing_flags(specification: Specification) -> dict[str, Any]:
    """Return the flags that describe a model, by name; empty if flags cannot describe it."""
    if isinstance(specification, Geometry):
        names = ("n_hidden", "layer_norm", "relu_clip")
        return {
            "architecture": DEEPSPEECH,
            **{name: getattr(specification, name) for name in names},
        }
    if isinstance(specification, StreamingEncoder):
        frame = specification.reduction * _FRONT_END_MILLISECONDS
        return {
            "architecture": STREAMING,
            "encoder_width": specification.width,
            "encoder_blocks": specification.blocks,
            "encoder_heads": specification.attention_heads,
            "frame_milliseconds": frame,
            "chunk_milliseconds": specification.chunk_frames * frame,
            "left_milliseconds": specification.left_frames * frame,
        }
    return {}


def check_architecture(
    specification: Specification, place: Path, flags: GeometryFlags, given: frozenset[str]
) -> None:
    """Check that a model has the architecture that the flags ask for, if they do.

    Args:
        specification: specification of the model that a run starts from, or continues with.
        place: where that model is.
        flags: the geometry flags.
        given: names of the flags that were given.

    Raises:
        FlagError: it has another architecture, so no layer could be kept.
    """
    if "architecture" in given and flags.architecture != specification.architecture:
        raise FlagError(
            f"--architecture {flags.architecture}: {place} is a {specification.architecture} "
            "model, and training from a model keeps its architecture; leave the flag out, or "
            f"train a {flags.architecture} model from scratch: --run new --load_train init, "
            "preferably in another --save_checkpoint_dir"
        )


def geometry_notes(
    specification: Specification, flags: GeometryFlags, given: frozenset[str]
) -> list[str]:
    """Return sentences about flags that were given and have no effect on a model.

    Args:
        specification: specification of the model, whose parameters take precedence.
        flags: the geometry flags.
        given: names of the flags that were given.
    """
    own = describing_flags(specification)
    asked = {name: value for name, value in vars(flags).items() if name in given}
    return [
        f"--{name} has no effect: this is a {specification.architecture} model"
        if name not in own
        else f"--{name} {value} is ignored: the checkpoint has {own[name]}"
        for name, value in asked.items()
        if name not in own or value != own[name]
    ]
