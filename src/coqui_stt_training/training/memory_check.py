"""Whether the model and the longest batch fit into memory, checked before training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from stt.counted import counted

from ..corpus import Clip
from ..errors import TrainingError
from ..models.deepspeech.geometry import Geometry
from ..models.specification import Specification, parameter_count
from .available_memory import available_memory_bytes

_COPIES_OF_WEIGHTS = 5  # weights, their average, gradients, and Adam's two moments


def check_memory(
    groups: Sequence[Sequence[Clip]],
    specification: Specification,
    frames_of: Callable[[Clip], int],
    try_step: Callable[[Sequence[Clip]], None],
    *,
    by_seconds: bool = False,
    processes: int = 1,
    agree: Callable[[bool], bool] | None = None,
) -> None:
    """Try a training step on the longest batch, without changing any weights.

    Args:
        groups: all training batches.
        specification: specification of the model.
        frames_of: returns the number of frames of a clip.
        try_step: does a forward and a backward pass over clips, and discards the gradients.
        by_seconds: whether batches are limited by seconds, for the error message.
        processes: number of processes on this machine that try at the same time.
        agree: returns whether a batch fits in all processes, if they must try together. If a pass
            then fails in one, the error is raised: the others wait in it, and cannot try again.

    Raises:
        TrainingError: the batch does not fit; the message gives its durations and a size that fits.
    """
    longest = max(groups, key=lambda group: len(group) * max(map(frames_of, group)))
    frames = max(map(frames_of, longest))
    clips = sorted(longest, key=frames_of, reverse=True)  # a size must fit for the longest clips
    while clips:
        if _fits(clips, frames, specification, try_step, processes, agree):
            break
        clips = clips[: len(clips) // 2]
    if len(clips) == len(longest):
        return
    durations = sorted(clip.duration_seconds for clip in longest)
    fitting = f"--train_batch_size {len(clips)}"
    if by_seconds:
        fitting = f"--train_batch_seconds {math.floor(len(clips) * durations[-1])}"
    remedy = f"{fitting} fits"
    if not clips:
        longest_clip = max(longest, key=frames_of)
        remedy = (
            f"not even one clip of {durations[-1]:.1f} s fits, such as {longest_clip.source}: "
            f"leave such clips out, or {_smaller(specification)}; python -m "
            "coqui_stt_training.align cuts long recordings into clips"
        )
    raise TrainingError(
        f"a batch of {counted(len(longest), 'clip')} of {_spread(durations)} s does not fit into "
        f"memory; {remedy} (to skip this test: --skip_batch_test true)"
    )


def _smaller(specification: Specification) -> str:
    if isinstance(specification, Geometry):
        return "use a smaller --n_hidden, or a smaller model to start from"
    return "start from a smaller model"


def _spread(durations: Sequence[float]) -> str:
    least, most = f"{durations[0]:.1f}", f"{durations[-1]:.1f}"
    return most if least == most else f"{least} to {most}"


def check_model_memory(specification: Specification, processes: int = 1, sharers: int = 1) -> None:
    """Check, before the model is built, that there is enough memory to train it.

    Args:
        specification: specification of the model.
        processes: number of processes on this machine.
        sharers: number of processes, on all machines, over which weights are sharded.

    Raises:
        TrainingError: weights, gradients and optimizer state do not fit into main memory.
    """
    parameters = parameter_count(specification)
    copies = 2.0  # the source, and the model before it is moved to the GPU
    if not torch.cuda.is_available():
        copies = _COPIES_OF_WEIGHTS / sharers
        copies += sharers > 1  # the unsharded weights for validation
    needed, available = 4 * parameters * copies * processes, available_memory_bytes()
    if needed > available:
        where = f" in {processes} processes" if processes > 1 else ""
        raise TrainingError(
            f"training a model with {specification.describe()} needs {needed / 1e9:.1f} GB of "
            f"memory{where}, but {available / 1e9:.1f} GB are free; {_smaller(specification)}"
        )


def _fits(
    clips: Sequence[Clip],
    frames: int,
    specification: Specification,
    try_step: Callable[[Sequence[Clip]], None],
    processes: int,
    agree: Callable[[bool], bool] | None,
) -> bool:
    if not torch.cuda.is_available():
        # Linux kills a process that uses more memory than there is, so do not try.
        needed = 4 * len(clips) * specification.activation_values(frames) * processes
        enough = needed <= available_memory_bytes()
        if not (agree(enough) if agree else enough):
            return False
    try:
        try_step(clips)
    except (torch.OutOfMemoryError, MemoryError):
        if agree:
            raise
        torch.cuda.empty_cache()
        return False
    except RuntimeError as error:
        if "allocate memory" in str(error):
            return False
        raise
    return True
