"""Say what this installation has and lacks, and try a training step on each device.

python -m coqui_stt_training.doctor
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

from stt.diagnosis import diagnose_runtime, installed

from .cli.command import ArgumentParser, command

PROGRAM = "python -m coqui_stt_training.doctor"


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status: 0, or 1 where something is broken."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Say what this installation has and lacks: versions, kernels, devices, "
        "optional parts and the command that adds them; and try a tiny training step on each "
        "device.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(argv)
    found = diagnose_runtime()
    found["devices"] = _try_devices() if installed("torch") else []
    broken = bool(found["foreign"]) or any(not one["works"] for one in found["devices"])
    print(json.dumps(found, indent=2) if flags.json else _describe(found))
    return int(broken)


def _try_devices() -> list[dict[str, Any]]:
    import torch

    names = [("cpu", f"CPU, {torch.get_num_threads()} threads")]
    if torch.cuda.is_available():
        names += [
            (f"cuda:{index}", torch.cuda.get_device_name(index))
            for index in range(torch.cuda.device_count())
        ]
    return [{"device": device, "name": name, **_try(device)} for device, name in names]


def _try(device: str) -> dict[str, Any]:
    """Do a training step of a tiny model of the kind that `train` makes, and see its loss fall."""
    from .models.deepspeech import model as _  # noqa: F401 - its import is no part of the step

    begun = time.monotonic()
    try:
        losses = _tiny_training(device)
    except RuntimeError as error:  # a driver that does not fit, no memory left
        return {"works": False, "problem": str(error).splitlines()[0]}
    works = all(map(math.isfinite, losses)) and losses[-1] < losses[0]
    problem = "" if works else f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}"
    return {"works": works, "problem": problem, "seconds": round(time.monotonic() - begun, 3)}


def _tiny_training(device: str) -> list[float]:
    """Return the CTC losses of a few steps on noise of a fixed seed."""
    import torch

    from .models.acoustic_model import build
    from .models.deepspeech.geometry import Geometry

    model = build(Geometry(16, 5))
    model.initialize(seed=1)
    model.to(device).train()
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 12, 26, generator=generator).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        emissions = model(features, torch.tensor([12, 12]))
        loss = torch.nn.functional.ctc_loss(
            emissions.log_probabilities().transpose(0, 1),
            torch.tensor([1, 2, 3, 2], device=device),
            emissions.lengths,
            torch.tensor([2, 2]),
            blank=4,
        )
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _describe(found: dict[str, Any]) -> str:
    lines = [
        f"coqui-stt {found['version']}, Python {found['python']} on {found['platform']}",
        f"Processor: {found['processor']['machine']}, {found['processor']['cores']} cores",
        "Packages: " + ", ".join(f"{name} {one}" for name, one in found["packages"].items()),
        "",
        "Kernels in use (and others that this processor runs):",
    ]
    for part, names in found["kernels"].items():
        others = f" ({', '.join(names[1:])})" if names[1:] else ""
        lines.append(f"  {part}: {names[0]}{others}")
    lines += ["", "Models that can be run:"]
    lines += [f"  {what}: {'yes' if has else 'no'}" for what, has in found["engines"].items()]
    lines += ["", "A training step on each device:"]
    for one in found["devices"]:
        outcome = f"works, {one['seconds']} s" if one["works"] else f"FAILS: {one['problem']}"
        lines.append(f"  {one['device']} ({one['name']}): {outcome}")
    if not found["devices"]:
        lines.append("  PyTorch is not installed")
    lines += ["", "Optional parts that are missing:" if found["missing"] else "Nothing is missing."]
    for one in found["missing"]:
        lines.append(f"  {one['for']}: {', '.join(one['packages'])}")
        lines.append(f"      in the folder with the sources run: {one['command']}")
    for name in found["foreign"]:
        lines.append(f"BROKEN: {name} writes into the same folders; remove it and install anew")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
