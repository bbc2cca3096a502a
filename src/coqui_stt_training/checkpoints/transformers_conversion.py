"""The work of `convert --to transformers`: write our model as a CTC model of transformers."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import save_file

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.atomic_file import replacing
from stt.output_path import check_output_folder

from ..errors import CheckpointError
from ..models.encoder import OUTPUT
from ..models.specification import Specification
from ..models.wav2vec2.specification import Wav2Vec2Encoder
from ..models.wav2vec2.transformers_form import config_of, preprocessor_of, their_tensors
from .loading import load_source
from .readers.ctc_vocabulary import (
    BLANK_ROW,
    HEAD,
    head_rows,
    reason_against,
    reason_against_head,
    write_vocabulary,
)
from .readers.huggingface import CONFIG, PREPROCESSOR
from .readers.json_file import write_json
from .recognise import is_vacant
from .source import SourceModel
from .state_file import Which

_WEIGHTS = "model.safetensors"


def convert_to_transformers(
    source_path: str | Path, target: Path, which: Which = "auto"
) -> tuple[Path, tuple[str, ...]]:
    """Write a model as a folder that `AutoModelForCTC` and `AutoProcessor` load.

    Args:
        source_path: path of the model, see `load_source`; LoRA is merged into the weights.
        target: a folder without a model; it is made if it is missing.
        which: which checkpoint of a source folder to convert.

    Returns:
        The folder, and notes for the user.

    Raises:
        CheckpointError: there is no source model, it is damaged, transformers has no such CTC
            model, or the target already holds a model.
    """
    check_output_folder("target_dir", target)
    if not is_vacant(target) or (target / CONFIG).exists():
        raise CheckpointError(f"{target} already holds a model; name a new folder")
    source = load_source(source_path, which)
    specification = _encoder_of(source)
    alphabet = _alphabet_of(source)
    tensors = their_tensors(specification, source.tensors)
    for end in ("weight", "bias"):
        tensors[f"{HEAD}.{end}"] = head_rows(source.tensors[f"{OUTPUT}.{end}"])
    write_vocabulary(target, alphabet)
    write_json(target / PREPROCESSOR, preprocessor_of(specification))
    with replacing(target / _WEIGHTS) as partial:
        save_file(tensors, partial, {"format": "pt"})
    config = config_of(specification) | {
        "vocab_size": specification.n_classes, "pad_token_id": BLANK_ROW,
        "bos_token_id": None, "eos_token_id": None, "ctc_loss_reduction": "mean",
    }  # fmt: skip
    write_json(target / CONFIG, config)  # last: with it, the folder is complete
    return target, (
        *source.notes,
        f"It is a {config['architectures'][0]}; AutoModelForCTC and AutoProcessor load it.",
    )


def _encoder_of(source: SourceModel) -> Wav2Vec2Encoder:
    """Return the specification of a source model, if transformers has such a CTC model.

    Raises:
        CheckpointError: it has none, or the source has no output layer.
    """
    specification = source.specification
    why_not = _reason_against(specification)
    if not isinstance(specification, Wav2Vec2Encoder) or why_not:
        raise CheckpointError(f"{source.path}: {why_not}; export writes any model as .onnx")
    if not source.has_output:
        raise CheckpointError(f"{source.path}: is an encoder without an output layer")
    return specification


def _reason_against(specification: Specification) -> str:
    """Return why transformers has no CTC model with such parameters, or an empty string."""
    if not isinstance(specification, Wav2Vec2Encoder):
        return (
            f"is a {specification.architecture} model, and written are those of the wav2vec 2.0 "
            "family alone; with a CTC head transformers has none, or another one"
        )
    if specification.adapter:
        return "its bottlenecks have no place in a model of transformers; LoRA would be merged"
    return reason_against_head(specification)


def _alphabet_of(source: SourceModel) -> Alphabet:
    if source.alphabet is None:
        raise CheckpointError(f"{source.path}: does not say its alphabet, which vocab.json needs")
    if why_not := reason_against(source.alphabet):
        raise CheckpointError(f"{source.path}: {why_not}; train with another alphabet")
    return source.alphabet
