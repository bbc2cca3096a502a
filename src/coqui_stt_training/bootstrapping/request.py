"""The user's request for bootstrapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Head:
    """A CTC head for an encoder; see `EncoderSpecification`.

    Attributes:
        kind: `linear` or `lstm`.
        layers: number of BiLSTM layers of an `lstm` head.
        size: width of each direction of a BiLSTM layer.
    """

    kind: str
    layers: int = 1
    size: int = 256


@dataclass(frozen=True)
class Request:
    """What to take from a source, and how to train it.

    Attributes:
        drop_source_layers: number of layers to replace, from the output backwards.
        map_shared_characters: whether to copy the output rows of characters in both alphabets.
        similar_labels: for labels that only the new alphabet has, similar-sounding labels of the
            source; a new row starts as the mean of their rows.
        extend_alphabet: whether the new alphabet is the source's plus more characters.
        freeze_source_layers: number of layers to freeze, from the input on; or `ALL_LAYERS`.
        unfreeze_after_epochs: epochs after which frozen layers are trained; 0: never.
        unfreeze_every_epochs: epochs between unfreezing a layer and the one below; 0: all at once.
        source_learning_rate_factor: learning rate factor of layers kept from the source.
        layer_learning_rate_decay: further factor from each of these layers to the one below.
        head: head for an encoder; None: its own, or a default if it has none.
        head_blocks: number of encoder blocks whose outputs are the input of a new head.
        adapter: adapter for an encoder, see `parse_adapter`; empty: its own, or none.
    """

    drop_source_layers: int = 0
    map_shared_characters: bool = False
    similar_labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    extend_alphabet: bool = False
    freeze_source_layers: int = 0
    unfreeze_after_epochs: int = 0
    unfreeze_every_epochs: int = 0
    source_learning_rate_factor: float = 1.0
    layer_learning_rate_decay: float = 1.0
    head: Head | None = None
    head_blocks: int = 1
    adapter: str = ""


ALL_LAYERS = -1  # all layers below the head
DEFAULT_HEAD = Head("lstm")  # on a frozen encoder, nothing else gains as much as a BiLSTM layer
