"""`python -m benchmarks`: the table of speeds."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ToneCorpus

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]


def measure(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_run_is_compared_with_an_earlier_one(tmp_path):
    first = measure("--only", "features", "training", "--json")
    assert first.returncode == 0, first.stderr
    kept = json.loads(first.stdout)
    assert kept["machine"]["float32 products, GFLOP/s"] > 0
    for result in kept["results"]:
        # Nothing is twice as fast as its limit, even if other processes disturb the measurement.
        assert 0 < result["limit_seconds"] < 2 * result["seconds"]
        result["seconds"] *= 1000
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps(kept))
    compared = measure("--only", "features", "--compare", str(earlier))
    assert compared.returncode == 0, compared.stderr
    lines = [line for line in compared.stdout.splitlines() if line.startswith("features: ")]
    assert len(lines) > 3
    for line in lines:
        change = float(line.split(" times as fast")[0].split()[-1])
        assert 100 < change < 10000
        assert "% " in line


def test_input_and_whole_epochs_are_measured():
    measured = measure("--only", "input", "epochs", "--json")
    assert measured.returncode == 0, measured.stderr
    results = json.loads(measured.stdout)["results"]
    assert {result["unit"] for result in results} == {"audio s", "clip", "batch", "epoch"}
    assert all(0 < result["seconds"] < 60 for result in results)


def test_what_is_no_earlier_run_is_named(tmp_path):
    (tmp_path / "other.json").write_text('{"results": 1}')
    for name in ("other.json", "missing.json"):
        failed = measure("--only", "features", "--compare", str(tmp_path / name))
        assert failed.returncode == 2
        assert name in failed.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "flags", "epochs"),
    [
        ("bootstrapping.py", ("SOURCE", "OUTPUT", "--ways", "from scratch", "--targets"),
         "--epochs"),
        ("augmentation_worth.py", ("OUTPUT", "--kinds", "none", "--seeds", "1", "--scratch"),
         "--scratch_epochs"),
    ],
)  # fmt: skip
def test_a_benchmark_that_is_stopped_goes_on(
    name: str, flags: tuple[str, ...], epochs: str, latin: ToneCorpus, tmp_path: Path
) -> None:
    data, output = tmp_path / "data" / "tones", tmp_path / "output"
    shutil.copytree(latin.train.parent, data)
    (data / latin.alphabet.name).rename(data / "alphabet.txt")
    names = {"OUTPUT": str(output), "SOURCE": str(tmp_path)}
    words = [sys.executable, str(ROOT / "benchmarks" / name), str(data.parent),
             *(names.get(flag, flag) for flag in flags), data.name, epochs]  # fmt: skip
    with subprocess.Popen([*words, "999"], stderr=subprocess.PIPE, text=True) as stopped:
        until = time.monotonic() + 120
        while not list(output.rglob("train-*.safetensors")) and time.monotonic() < until:
            time.sleep(0.2)
        stopped.send_signal(signal.SIGTERM)
        _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 1
    assert "The same benchmark, run again, goes on there" in said.splitlines()[-1]
    assert "Traceback" not in said
    again = subprocess.run([*words, "1"], capture_output=True, text=True, check=True)
    assert "| none |" in again.stdout or "| from scratch |" in again.stdout
    assert len(list(output.rglob("result.json"))) == 1
