"""`python -m benchmarks`: the table of how fast everything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
        # Nothing is twice as fast as a limit, even where others' work disturbed measuring that.
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


def test_what_is_no_earlier_run_is_named(tmp_path):
    (tmp_path / "other.json").write_text('{"results": 1}')
    for name in ("other.json", "missing.json"):
        failed = measure("--only", "features", "--compare", str(tmp_path / name))
        assert failed.returncode == 2
        assert name in failed.stderr.splitlines()[-1]
