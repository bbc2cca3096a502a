"""The inner block of an encoder that also has a CTC loss (`--intermediate_ctc_weight`)."""

from __future__ import annotations

from ..errors import FlagError
from ..models.encoder import EncoderSpecification
from .session import Session

_FLAG = "--intermediate_ctc_weight"


def inner_layer(session: Session) -> int:
    """Return the index of the layer whose input also has a loss; 0 without the flag.

    Raises:
        FlagError: the model has no such block, or the block is never trained.
    """
    flags, specification = session.config.objective, session.specification
    if not flags.intermediate_ctc_weight:
        return 0
    if not isinstance(specification, EncoderSpecification):
        raise FlagError(
            f"{_FLAG}: {specification.architecture} models have no inner blocks; use it with "
            "encoders"
        )
    if specification.mixed_layers:
        raise FlagError(
            f"{_FLAG}: the head already reads {specification.head_blocks} blocks; leave it out, "
            "or use --head_blocks 1"
        )
    names = specification.encoder_layers  # neither the first nor the last
    most = len(names) - 2
    block = flags.intermediate_ctc_block or (most + 1) // 2
    if not 1 <= block <= most:
        raise FlagError(
            f"--intermediate_ctc_block {block}: the inner blocks of this model are 1 to {most}"
            if most > 0
            else f"{_FLAG}: this model has no inner block; leave it out"
        )
    if session.frozen_epochs.get(names[block], 0) is None:
        raise FlagError(
            f"{_FLAG} has no effect, because {names[block]} stays frozen; leave the flag out, or "
            "train that block (--unfreeze_after_epochs)"
        )
    return block + 1
