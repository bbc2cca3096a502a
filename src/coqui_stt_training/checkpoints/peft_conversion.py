"""The work of `convert --to peft`: write our LoRA adapters in the format of Hugging Face's peft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted
from stt.output_path import check_output_folder

from ..errors import CheckpointError
from ..models.adapter import LORA, LORA_A, LORA_B, Adapter
from ..models.encoder import OUTPUT, EncoderSpecification
from .base import BESIDE, Base, find_base
from .file import Checkpoint, read_checkpoint
from .hub import name_on_hub
from .readers.ctc_vocabulary import (
    BLANK_ROW,
    HEAD,
    head_rows,
    reason_against,
    reason_against_head,
    write_vocabulary,
)
from .readers.huggingface import (
    ARCHITECTURES,
    CONFIG,
    is_model,
    names_of,
    read_as_stored,
    reason_against_place,
)
from .readers.json_file import read_json
from .readers.peft_folder import LowRank, PeftAdapter, is_peft, write_peft
from .recognise import Format, find_checkpoints, recognise
from .source import Tensors
from .state_file import Which


def convert_to_peft(
    source: Path, target: Path, which: Which = "auto"
) -> tuple[Path, tuple[str, ...]]:
    """Write the LoRA adapters of a checkpoint as a folder of peft.

    Args:
        source: a checkpoint, or a folder of checkpoints.
        target: a folder without an adapter; it is made if it is missing.
        which: which checkpoint of a source folder to convert.

    Returns:
        The folder, and notes for the user.

    Raises:
        CheckpointError: the source has no LoRA adapters, its base model is not in a folder of
            transformers, or the target already holds an adapter.
    """
    check_output_folder("target_dir", target)
    if is_peft(target):
        raise CheckpointError(f"{target} already holds an adapter; name a new folder")
    found = recognise(find_checkpoints(source), which)
    if found.format is not Format.NATIVE:
        raise CheckpointError(
            f"{source}: is {found.format.value}, and no checkpoint of adapters; those are what "
            "train --adapter lora made"
        )
    checkpoint = read_checkpoint(found.path, with_adam=False)
    specification, adapter, base = _lora_of(found.path, checkpoint)
    place, _ = find_base(found.path, base, specification)
    if not (place.is_dir() and is_model(place)):
        raise CheckpointError(
            f"{found.path}: its encoder, {place}, is no folder of transformers, which peft needs; "
            f"put the same model as such a folder, or a link to it, at {found.path.parent / BESIDE}"
        )
    name, revision = name_on_hub(place) or (str(place), None)
    tensors = checkpoint.average or checkpoint.tensors
    content = PeftAdapter(name, revision, _products(place, specification, tensors, adapter))
    why_not = _reason_against_head(place, specification, checkpoint.alphabet)
    if why_not:
        head = counted(len(specification.below_output) + 1, "layer")
        notes: tuple[str, ...] = (
            f"It is for {name}, loaded as what its config.json names as its architecture.",
            f"The head, {head}, is left out: {why_not}.",
        )
    else:
        content = _with_head(content, place, tensors)
        write_vocabulary(target, checkpoint.alphabet)
        notes = (
            f"It is for {name}, with an output layer of its own. Load that as "
            f"AutoModelForCTC.from_pretrained({name!r}, vocab_size={specification.n_classes}, "
            f"pad_token_id={BLANK_ROW}, ignore_mismatched_sizes=True).",
        )
    write_peft(target, content, adapter.size, adapter.alpha)
    return target, notes


def _with_head(content: PeftAdapter, place: Path, tensors: Tensors) -> PeftAdapter:
    """Return an adapter of an encoder as an adapter of its CTC model, with an output layer."""
    kind, known = _ctc_models(place)
    prefix = known[kind]
    products = {  # in a folder with only the encoder, modules have no prefix
        module if module.startswith(prefix) else prefix + module: low
        for module, low in content.products.items()
    }
    head = {f"{HEAD}.{end}": head_rows(tensors[f"{OUTPUT}.{end}"]) for end in ("weight", "bias")}
    return replace(content, products=products, whole=head)


def _reason_against_head(
    place: Path, specification: EncoderSpecification, alphabet: Alphabet
) -> str:
    """Return why the CTC model of transformers cannot have this head, or an empty string."""
    kind, known = _ctc_models(place)
    if kind not in known:
        return f"{kind} in transformers is no CTC model with an {HEAD}"
    return (
        reason_against_place(place)
        or reason_against_head(specification)
        or reason_against(alphabet)
    )


def _ctc_models(place: Path) -> tuple[str, Mapping[str, str]]:
    """Return the `model_type` of a folder, and the prefix of the encoder in CTC models by type."""
    kind = read_json(place / CONFIG)["model_type"]
    return kind, getattr(names_of(ARCHITECTURES[kind]), "IN_CTC_MODEL", {})


def _lora_of(path: Path, checkpoint: Checkpoint) -> tuple[EncoderSpecification, Adapter, Base]:
    """Return the specification of a checkpoint, its LoRA, and its base model."""
    specification = checkpoint.specification
    adapter = (
        specification.parsed_adapter if isinstance(specification, EncoderSpecification) else None
    )
    if (
        not isinstance(specification, EncoderSpecification)
        or adapter is None
        or adapter.kind != LORA
    ):
        has = adapter.describe() if adapter else "no adapters"
        raise CheckpointError(
            f"{path}: has {has}; peft has a form for LoRA alone, which --adapter lora trains"
        )
    if checkpoint.base is None:
        raise CheckpointError(
            f"{path}: its LoRA stands on weights that are nowhere else, as it was trained on a "
            "model that had adapters itself; to peft there is no such model"
        )
    return specification, adapter, checkpoint.base


def _products(
    place: Path, specification: EncoderSpecification, tensors: Tensors, adapter: Adapter
) -> dict[str, LowRank]:
    """Return the low-rank updates, by the name of the module in the folder of the base model."""
    adapted = [name.removesuffix(f".{LORA_A}") for name in tensors if name.endswith(f".{LORA_A}")]
    weights = [f"{product}.weight" for product in adapted]
    stored = read_as_stored(place, specification, weights)
    missing = [weight for weight in weights if weight not in stored]
    if missing:
        raise CheckpointError(
            f"{place}: has no tensor of its own for {', '.join(missing[:6])}; peft has no adapter "
            "for these"
        )
    products = {}
    for product, weight in zip(adapted, weights, strict=True):
        theirs, tensor = stored[weight]
        ones = (1,) * (tensor.ndim - 2)  # the weight may be a convolution of one frame there
        down, up = tensors[f"{product}.{LORA_A}"], tensors[f"{product}.{LORA_B}"]
        products[theirs.removesuffix(".weight")] = LowRank(
            down.reshape(*down.shape, *ones), up.reshape(*up.shape, *ones), adapter.scale
        )
    return products
