"""The planner: decides which layers of a source are kept, mapped or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted

from ..checkpoints.source import SourceModel
from ..errors import BootstrapError
from ..models.adapter import is_adapter_tensor, parse_adapter
from ..models.encoder import EncoderSpecification, base_tensors
from ..models.specification import Specification, layer_of
from .alphabet_difference import describe_difference
from .output_rows import shared_rows, similar_rows
from .plan import Action, BootstrapPlan, LayerPlan
from .request import ALL_LAYERS, DEFAULT_HEAD, Request


def plan_bootstrap(
    source: SourceModel, alphabet: Alphabet, request: Request, retry_command: str
) -> BootstrapPlan:
    """Decide for each layer what to take from the source.

    Args:
        source: source model. If it has an output layer, it must have an alphabet.
        alphabet: alphabet of the new model.
        request: request of the user.
        retry_command: command line for transfer learning, for the error message.

    Raises:
        BootstrapError: the alphabets differ but the output layer should be kept, the source has no
            alphabet, there are fewer layers than should be dropped or frozen, or the adapter does
            not go with the other flags.
    """
    if source.has_output and source.alphabet is None:
        raise BootstrapError(
            f"{source.path} has {source.specification.n_classes} classes but no alphabet; put its "
            f"own alphabet file of {counted(source.specification.n_classes - 1, 'label')} beside "
            "it as alphabet.txt"
        )
    specification = _target(source, alphabet, request)
    layers = specification.layers
    if request.freeze_source_layers == ALL_LAYERS:
        request = replace(request, freeze_source_layers=_below_head(specification, request))
    missing = [name for name in layers if not _has_layer(source, specification, name)]
    dropped = layers[len(layers) - request.drop_source_layers :]
    _check_counts(request, layers, missing)
    _check_adapter(specification, request)
    same = alphabet == source.alphabet or not source.has_output
    maps_output = (
        (request.map_shared_characters or request.similar_labels or request.extend_alphabet)
        and layers[-1] not in missing
        and bool(dropped or not same)
    )
    if source.alphabet is not None and not (same or dropped or maps_output or missing):
        raise BootstrapError(
            f"the alphabet differs from that of {source.path}: "
            f"{describe_difference(source.alphabet, alphabet)}. Its output layer must be replaced "
            f"(transfer learning): {retry_command}"
        )
    rows, mapped = dict[int, tuple[int, ...]](), ""
    if maps_output and source.alphabet:
        rows, mapped = _mapped_rows(source.alphabet, alphabet, request)
    plans = []
    for layer in layers:
        if layer in missing and layer not in dropped:
            reason = f"the source has none; {_sized(layer, specification, alphabet)}"
            plans.append(LayerPlan(layer, "new", reason))
        else:
            decision = _decide(layer, layers, dropped, same, alphabet.size, mapped)
            plans.append(LayerPlan(layer, *decision))
    plans = list(_adapted(plans, specification))
    return BootstrapPlan(specification, tuple(_scheduled(plans, request)), rows)


def _mapped_rows(
    source: Alphabet, target: Alphabet, request: Request
) -> tuple[dict[int, tuple[int, ...]], str]:
    """Return the source rows of each output row of the target, and a description."""
    copied = shared_rows(source, target)
    rows = similar_rows(source, target, request.similar_labels)
    rows |= {row: (source_row,) for row, source_row in copied.items()}
    return rows, _describe_rows(len(copied), len(rows), target.size + 1)


def _target(source: SourceModel, alphabet: Alphabet, request: Request) -> Specification:
    specification, head = source.specification, request.head
    if isinstance(specification, EncoderSpecification):
        if head is None and not source.has_output:
            head = DEFAULT_HEAD
        if head is not None:
            specification = specification.with_head(
                head.kind, head.layers, head.size, request.head_blocks
            )
        if request.adapter:
            specification = _with_adapter(source, specification, request)
    elif head is not None or request.adapter or request.head_blocks > 1:
        flag = f"--head {head.kind}" if head else f"--head_blocks {request.head_blocks}"
        flag = f"--adapter {request.adapter}" if request.adapter else flag
        raise BootstrapError(
            f"{flag}: {source.path} is a {specification.architecture} model, to which this flag "
            "does not apply (it is for encoders); leave it out"
        )
    return specification.with_classes(alphabet.size + 1)


def _below_head(specification: Specification, request: Request) -> int:
    """Return the number of layers, from the input on, that are below the head and not dropped."""
    kept = len(specification.layers) - max(1, request.drop_source_layers)
    return min(kept, len(specification.encoder_layers))


def _with_adapter(
    source: SourceModel, specification: EncoderSpecification, request: Request
) -> EncoderSpecification:
    if request.freeze_source_layers == ALL_LAYERS:
        raise BootstrapError(
            f"--adapter {request.adapter}: --freeze_source_layers freezes all blocks, so none can "
            "have an adapter; leave one of the flags out"
        )
    asked = parse_adapter(request.adapter).with_above(request.freeze_source_layers)
    has = specification.parsed_adapter
    if has and has != asked:
        raise BootstrapError(
            f"--adapter {request.adapter}: {source.path} has adapters of its own, {has}, which "
            "cannot be merged into its weights; leave the flag out to train them further"
        )
    try:
        return specification.with_adapter(asked)
    except ValueError as error:
        raise BootstrapError(f"--adapter {request.adapter}: {error}") from None


def _check_adapter(specification: Specification, request: Request) -> None:
    """Check that an encoder with adapters is neither dropped nor trained: they fit it alone."""
    if not isinstance(specification, EncoderSpecification) or not specification.adapter:
        return
    head = len(specification.layers) - len(specification.encoder_layers)
    if request.drop_source_layers > head:
        raise BootstrapError(
            f"--drop_source_layers {request.drop_source_layers}: with adapters the encoder stays "
            f"as it is, so only the {counted(head, 'layer')} of its head can be dropped"
        )
    if request.unfreeze_after_epochs or request.unfreeze_every_epochs:
        raise BootstrapError(
            "with adapters the encoder's own weights are never trained; leave out "
            "--unfreeze_after_epochs and --unfreeze_every_epochs"
        )


def _adapted(plans: list[LayerPlan], specification: Specification) -> Iterator[LayerPlan]:
    """Yield the plans of an encoder with adapters: layers without one are frozen."""
    base = {layer_of(name) for name in base_tensors(specification)}
    adapted = {layer_of(name) for name in specification.tensor_shapes() if is_adapter_tensor(name)}
    for plan in plans:
        if plan.layer in adapted:
            yield replace(plan, reason=f"{plan.reason}; frozen except for its adapter")
        else:
            yield replace(plan, frozen_epochs=None) if plan.layer in base else plan


def _has_layer(source: SourceModel, target: Specification, layer: str) -> bool:
    """Return whether the source has a layer of the target's shape, for any number of classes."""
    first = 1 if layer == target.layers[-1] else 0
    return all(
        name in source.tensors and source.tensors[name].shape[first:] == shape[first:]
        for name, shape in target.tensor_shapes().items()
        if layer_of(name) == layer and not is_adapter_tensor(name)
    )


def _check_counts(request: Request, layers: tuple[str, ...], missing: list[str]) -> None:
    count, dropped = len(layers), request.drop_source_layers
    if dropped >= count:
        raise BootstrapError(
            f"--drop_source_layers {dropped}: the model has {count} layers and the first must "
            f"stay, so 0 to {count - 1} can be dropped; to train from scratch: --load_train init"
        )
    new_from = min([count - max(1, dropped), *(layers.index(name) for name in missing)])
    for name in ("unfreeze_after_epochs", "unfreeze_every_epochs"):
        if getattr(request, name) and not request.freeze_source_layers:
            raise BootstrapError(f"--{name} has no effect without --freeze_source_layers; add it")
    if request.freeze_source_layers > new_from:
        raise BootstrapError(
            f"--freeze_source_layers {request.freeze_source_layers}: with --drop_source_layers "
            f"{dropped} at most {counted(new_from, 'layer')} can be frozen, or nothing is left to "
            f"train; from the input they are {', '.join(layers[:new_from])}"
        )


def _sized(layer: str, specification: Specification, alphabet: Alphabet) -> str:
    if layer == specification.layers[-1]:
        return f"sized for the {counted(alphabet.size, 'label')} of the alphabet and the blank"
    return "part of the new head"


def _describe_rows(shared: int, mapped: int, classes: int) -> str:
    """Describe how many output rows come from the source; an empty string for none."""
    if not mapped:
        return ""
    if shared == classes:
        return f"all {shared} classes exist in the source"
    parts = [f"{shared} of {classes} classes exist in the source"]
    if mapped > shared:
        parts.append(f"{mapped - shared} start from similar-sounding ones")
    if mapped < classes:
        parts.append("the others are new")
    return ", ".join(parts)


def _decide(
    layer: str,
    layers: tuple[str, ...],
    dropped: tuple[str, ...],
    same: bool,
    labels: int,
    mapped: str,
) -> tuple[Action, str]:
    if layer == layers[-1] and mapped:
        return "mapped", mapped
    if layer in dropped:
        count = len(layers) - layers.index(layer)
        reason = f"dropped by --drop_source_layers {len(dropped)}, number {count} from the output"
        if layer == layers[-1] and not same:
            reason += (
                f"; sized for the {counted(labels, 'label')} of the new alphabet and the blank"
            )
        return "new", reason
    return "kept", "from the source"


def _scheduled(plans: list[LayerPlan], request: Request) -> Iterator[LayerPlan]:
    """Yield the plans with frozen epochs and learning rates of the kept layers."""
    kept = [index for index, plan in enumerate(plans) if plan.action == "kept"]
    for index, plan in enumerate(plans):
        if plan.action != "kept":
            yield plan
            continue
        frozen = plan.frozen_epochs
        if index < request.freeze_source_layers:
            above = request.freeze_source_layers - 1 - index  # frozen layers nearer to the output
            begin = request.unfreeze_after_epochs or request.unfreeze_every_epochs
            frozen = begin + request.unfreeze_every_epochs * above if begin else None
        depth = kept[-1] - index
        factor = request.source_learning_rate_factor * request.layer_learning_rate_decay**depth
        yield replace(plan, frozen_epochs=frozen, learning_rate_factor=factor)
