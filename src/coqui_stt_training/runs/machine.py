"""The machine that a command runs on: its device and threads."""

from __future__ import annotations

import logging

import torch

from stt.counted import counted

from ..cli.config import MachineFlags
from ..models.acoustic_model import AcousticModel

_log = logging.getLogger(__name__)


def prepare_machine(flags: MachineFlags, device: torch.device | None = None) -> torch.device:
    """Set the numbers of threads, and return the device to compute on: a GPU if there is one.

    Args:
        flags: flags with the numbers of threads.
        device: device of this process, if there are several; None: any device.
    """
    if flags.intra_op_parallelism_threads:
        torch.set_num_threads(flags.intra_op_parallelism_threads)
    # It can be set only once in a process, and an earlier `train` may have set it.
    if flags.inter_op_parallelism_threads not in (0, torch.get_num_interop_threads()):
        torch.set_num_interop_threads(flags.inter_op_parallelism_threads)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is None and count > 1:
        _log.info(
            "This machine has %d GPUs, but one process uses only one; to use all, start the "
            "command with torchrun --nproc-per-node %d instead of python",
            count, count,
        )  # fmt: skip
    device = device or torch.device("cuda" if count else "cpu")
    if device.type == "cuda":
        _log.info("Computing on %s", torch.cuda.get_device_name(device))
        return device
    _log.info("Computing on the CPU with %s", counted(torch.get_num_threads(), "thread"))
    return device


def has_fast_bfloat16() -> bool:
    """Return whether training in mixed precision saves time on this machine.

    Processors without instructions for it convert each number to float32 and back.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in instructions)


def warn_of_slow_precision(device: torch.device) -> None:
    """Warn that mixed precision saves no time on a processor without instructions for it."""
    if device.type == "cpu" and not has_fast_bfloat16():
        _log.warning(
            "This processor has no instructions for bfloat16: training with "
            "--automatic_mixed_precision true takes longer here than without"
        )


def log_placement(model: AcousticModel) -> None:
    """Log the device of each layer's weights (`--log_placement`)."""
    for layer, members in model.layer_parameters().items():
        _log.info("%s is on %s", layer, members[0][1].device)
