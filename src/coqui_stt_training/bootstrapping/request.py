"""What a user asks of bootstrapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Head:
    """A CTC head for an encoder; see `EncoderSpecification`.

    Attributes:
        kind: `linear` or `lstm`.
        layers: BiLSTM layers of the latter.
        size: width of one of their directions.
    """

    kind: str
    layers: int = 1
    size: int = 256


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    Attributes:
        drop_source_layers: how many layers to make anew, from the output backwards.
        map_shared_characters: copy the output rows of characters that both alphabets have.
        similar_labels: of labels that only the new alphabet has, those of the source that sound
            alike: the new rows are the means of theirs.
        extend_alphabet: copy the rows, where the new alphabet is the source's with more characters.
        freeze_source_layers: how many layers not to train, from the input on; or `ALL_LAYERS`.
        unfreeze_after_epochs: when frozen layers are trained too; 0: never.
        unfreeze_every_epochs: how many epochs later the next one below follows; 0: all at once.
        source_learning_rate_factor: of layers kept from the source.
        layer_learning_rate_decay: factor from each of these layers to the one below it.
        head: for an encoder; None: the one it has, else a default.
        head_blocks: for a new head, how many blocks of the encoder it listens to.
        adapter: for an encoder, see `parse_adapter`; empty: those it has, or none.
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


ALL_LAYERS = -1  # those below the head
DEFAULT_HEAD = Head("lstm")  # a BiLSTM layer is worth more than anything else on a frozen encoder
