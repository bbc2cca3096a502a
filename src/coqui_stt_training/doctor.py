"""Show what is installed and what is missing, and try a training step on each device.

python -m coqui_stt_training.doctor
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

from stt.counted import counted
from stt.diagnosis import diagnose_runtime, installed

from .cli.command import ArgumentParser, command
from .errors import UserError
from .lm.kenlm import find_program
from .synthesis.synthesiser import find_synthesiser

PROGRAM = "python -m coqui_stt_training.doctor"
# Features that run external programs. The function raises an error with a remedy if one is missing.
_PROGRAMS: dict[str, Callable[[], object]] = {
    "language models": lambda: find_program("lmplz"),
    "scorers": lambda: find_program("build_binary"),
    "synthetic speech": lambda: find_synthesiser("", ()),
}


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status: 0, or 1 if something is broken."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description=(
            "Show what this installation has and lacks (versions, kernels, devices, optional "
            "parts and commands to install them), and try a small training step on each device."
        ),
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(argv)
    found = diagnose_runtime()
    found["devices"] = _try_devices() if installed("torch") else []
    found["programs"] = _missing_programs()
    broken = bool(found["broken"]) or any(not one["works"] for one in found["devices"])
    print(json.dumps(found, indent=2) if flags.json else _describe(found))
    return int(broken)


def _missing_programs() -> list[dict[str, str]]:
    """Return the features whose programs are missing, and how to install these."""
    missing = []
    for what, find in _PROGRAMS.items():
        try:
            find()
        except UserError as error:
            missing.append({"for": what, "problem": str(error)})
    return missing


def _try_devices() -> list[dict[str, Any]]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a system library may be missing
        problem = f"PyTorch cannot be loaded: {error}; install it again"
        return [{"device": "cpu", "name": "CPU", "works": False, "problem": problem}]
    names = [("cpu", f"CPU, {counted(torch.get_num_threads(), 'thread')}")]
    if torch.cuda.is_available():
        names += [
            (f"cuda:{index}", f"{one.name}, {one.total_memory / (1 << 30):.0f} GiB")
            for index, one in enumerate(
                map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
            )
        ]
    return [{"device": device, "name": name, **_try(device)} for device, name in names]


def _try(device: str) -> dict[str, Any]:
    """Train a tiny DeepSpeech model for some steps, and check that the loss falls."""
    from .models.deepspeech import model  # noqa: F401 - import time must not count as step time
    from .scoring import ctc  # noqa: F401

    begun = time.monotonic()
    try:
        losses = _tiny_training(device)
    except RuntimeError as error:  # such as an incompatible driver, or no free memory
        return {"works": False, "problem": str(error).splitlines()[0]}
    works = all(map(math.isfinite, losses)) and losses[-1] < losses[0]
    problem = "" if works else f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}"
    return {"works": works, "problem": problem, "seconds": round(time.monotonic() - begun, 3)}


def _tiny_training(device: str) -> list[float]:
    """Return the CTC losses of a few steps on noise with a fixed seed, computed as in `train`."""
    import torch

    from .batches.batch import Batch
    from .models.acoustic_model import build
    from .models.deepspeech.geometry import Geometry
    from .scoring.ctc import ctc_losses

    model = build(Geometry(16, 5))
    model.initialize(seed=1)
    model.to(device).train()
    generator = torch.Generator().manual_seed(1)
    batch = Batch(
        clips=(),
        features=torch.randn(2, 12, 26, generator=generator),
        lengths=torch.tensor([12, 12]),
        labels=torch.tensor([1, 2, 3, 2]),
        label_lengths=torch.tensor([2, 2]),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = ctc_losses(model(batch.features.to(device), batch.lengths), batch).mean()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _describe(found: dict[str, Any]) -> str:
    cores = counted(found["processor"]["cores"], "core")
    return "\n".join(
        [
            f"coqui-stt {found['version']}, Python {found['python']} on {found['platform']}",
            f"Processor: {found['processor']['machine']}, {cores} available",
            "Packages: " + ", ".join(f"{name} {one}" for name, one in found["packages"].items()),
            "",
            "Kernels in use (and others that this processor supports):",
            *(f"  {part}: {_in_use(names)}" for part, names in found["kernels"].items()),
            "",
            "Models that can be run:",
            *(f"  {what}: {'yes' if has else 'no'}" for what, has in found["engines"].items()),
            "",
            "A training step on each device:",
            *(_describe_device(one) for one in found["devices"]),
            *([] if found["devices"] else ["  PyTorch is not installed"]),
            "",
            *_describe_missing(found),
            *(f"BROKEN: {what}" for what in found["broken"]),
        ]
    )


def _in_use(names: list[str]) -> str:
    return names[0] + (f" ({', '.join(names[1:])})" if names[1:] else "")


def _describe_device(one: dict[str, Any]) -> str:
    outcome = f"works, {one['seconds']} s" if one["works"] else f"FAILS: {one['problem']}"
    return f"  {one['device']} ({one['name']}): {outcome}"


def _describe_missing(found: dict[str, Any]) -> list[str]:
    if not found["missing"] and not found["programs"]:
        return ["Nothing is missing."]
    lines = ["Optional parts that are missing:"]
    for one in found["missing"]:
        lines.append(f"  {one['for']}: {', '.join(one['packages'])}")
        lines.append(f"      in the folder with the sources run: {one['command']}")
    return [*lines, *(f"  {one['for']}: {one['problem']}" for one in found["programs"])]


if __name__ == "__main__":
    main()
