"""The work of `convert`: write any source model as a checkpoint of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted
from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig
from stt.output_path import check_output_folder

from ..errors import BootstrapError, CheckpointError
from .file import Checkpoint
from .folder import CheckpointFolder
from .loading import load_source
from .recognise import is_vacant
from .source import AdamState, SourceModel, Tensors
from .state_file import Which


def convert(
    source_path: str | Path,
    target: Path,
    which: Which = "auto",
    alphabet_path: str = "",
    sample_rate_hz: int = 0,
) -> tuple[Path, tuple[str, ...]]:
    """Write a source model as the best and the last checkpoint of a new folder.

    Args:
        source_path: path of the source model, see `load_source`.
        target: a folder without a checkpoint; it is made if it is missing.
        which: which checkpoint of a source folder to convert.
        alphabet_path: alphabet file, or an empty string: the source's own alphabet.
        sample_rate_hz: sample rate of the source model, or 0: the source's own.

    Returns:
        The path of the checkpoint, and notes for the user.

    Raises:
        CheckpointError: there is no source model, it is damaged or has no output layer, or the
            target already holds a checkpoint.
        BootstrapError: there is no alphabet, or it does not fit.
    """
    check_output_folder("target_dir", target)
    if not is_vacant(target):
        raise CheckpointError(f"{target} already holds a model; name a new folder")
    source = load_source(source_path, which, with_adam=True)
    if not source.has_output:
        raise CheckpointError(
            f"{source.path} is an encoder without an output layer, so it cannot be converted; "
            f"train can start from it directly, with --load_checkpoint_dir {source_path}"
        )
    alphabet = _alphabet_of(source, alphabet_path)
    features, notes = _features_of(source, sample_rate_hz)
    checkpoint = Checkpoint(
        specification=source.specification,
        alphabet=alphabet,
        features=features,
        tensors=_contiguous(source.tensors),
        step=source.step,
        adam=_contiguous_adam(source.adam),
        flags=source.details.get("flags", {}),
        lineage=(
            *source.details.get("lineage", ()),
            {"converted_from": str(source.path), "source_format": source.format, "plan": []},
        ),
    )
    alphabet_text = alphabet.serialize_text()  # before anything is written, as it may fail
    folder = CheckpointFolder(target)
    path = folder.save("best", checkpoint)
    folder.name("last", path.name)
    folder.describe(dict(checkpoint.flags), alphabet_text)
    return path, (*source.notes, *notes)


def _features_of(source: SourceModel, sample_rate_hz: int) -> tuple[FrontEnd, tuple[str, ...]]:
    """Return the features of the new model, and notes for the user."""
    features = source.features or FeatureConfig()
    if sample_rate_hz and isinstance(features, FeatureConfig):
        return replace(features, sample_rate_hz=sample_rate_hz), ()
    if sample_rate_hz not in (0, features.sample_rate_hz):
        raise BootstrapError(
            f"{source.path} takes audio at {features.sample_rate_hz} Hz; leave out "
            "--audio_sample_rate"
        )
    if source.features is not None:
        return features, ()
    return features, (
        f"The source does not say its sample rate; {features.sample_rate_hz} Hz is taken for "
        "it. Say another with --audio_sample_rate.",
    )


def _alphabet_of(source: SourceModel, alphabet_path: str) -> Alphabet:
    alphabet = Alphabet(alphabet_path) if alphabet_path else source.alphabet
    labels = source.specification.n_classes - 1
    if alphabet is None:
        raise BootstrapError(
            f"{source.path} has {labels + 1} classes and does not say its alphabet; give its file "
            f"of {counted(labels, 'label')} with --alphabet_config_path"
        )
    if alphabet.size != labels:
        raise BootstrapError(
            f"{source.path} has {labels + 1} classes, which is {counted(labels, 'label')}, but "
            f"{alphabet_path} has {alphabet.size}; give the alphabet it was trained with"
        )
    return alphabet


def _contiguous(tensors: Tensors) -> Tensors:
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _contiguous_adam(adam: AdamState | None) -> AdamState | None:
    if adam is None:
        return None
    return AdamState(
        _contiguous(adam.first_moments),
        _contiguous(adam.second_moments),
        adam.step,
        adam.tensor_steps,
    )
