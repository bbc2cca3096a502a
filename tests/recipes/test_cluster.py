"""`--cluster`: the same output as of one process, also if workers are killed."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command, start_process
from stt_models import ORACLE, needs_oracle, speech

pytest.importorskip("webrtcvad")
pytestmark = [
    needs_oracle,
    pytest.mark.slow,
    # Ray is not imported here, because it reads the fixture's environment on import.
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install '.[cluster]'"),
]

MODEL = ORACLE / "tflite/cpu_n64_quant.tflite"
RECORDINGS = 16
_START = """
import os, sys
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
ray.init(num_cpus=4, include_dashboard=False, logging_level="ERROR")
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[object, ...]]:
    """Run a cluster on this machine; yield the flags that select it."""
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    before = {name: os.environ.get(name) for name in secret}
    os.environ.update(secret)
    head = subprocess.Popen(
        [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert head.stdin
    assert head.stdout
    yield "--cluster", head.stdout.readline().strip(), "--cluster_workers", 2, "--worker_cpus", 1
    head.stdin.close()
    assert head.wait(60) == 0
    for name, value in before.items():
        os.environ.pop(name)
        os.environ.update({name: value} if value is not None else {})


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of recordings, each transcribed in about a second, and a broken file."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(RECORDINGS):
        quiet = np.zeros(16000 + 400 * number, np.int16)
        sound = np.concatenate([quiet, speech()] * 5)
        soundfile.write(folder / f"{number:02}.wav", sound, 16000)
    (folder / "broken.wav").write_bytes(b"RIFF, or is it")
    return folder


def transcribe(recordings: Path, logs: Path, *flags: object) -> Result:
    return run_command("transcribe", "--model", MODEL, "--src", recordings, "--dst", logs, *flags)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def workers() -> list[int]:
    """Return the ids of the processes that transcribe; Ray names processes after their actors."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def await_files(folder: Path, count: int, process: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + 120
    while len(list(folder.glob("*.tlog"))) < count:
        assert time.monotonic() < until, "nothing is transcribed"
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds workers in /proc")
def test_killed_workers_and_a_killed_command_leave_each_log_once(
    cluster: tuple[object, ...], recordings: Path, tmp_path: Path
) -> None:
    alone, logs = tmp_path / "alone", tmp_path / "logs"
    logs.mkdir()
    whole = transcribe(recordings, alone)
    assert whole.returncode == 2
    assert "1 of 17 files could not be transcribed" in whole.stderr
    process = start_process("transcribe", "--model", MODEL, "--src", recordings, "--dst", logs,
                            *cluster)  # fmt: skip
    await_files(logs, 2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in logs.glob("*.tlog")}
    assert len(before) < RECORDINGS, "it was killed too late to say anything"

    def kill_one() -> None:
        await_files(logs, len(before) + 1)
        os.kill(workers()[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    again = transcribe(recordings, logs, *cluster)
    killer.join()
    assert "A worker exited; " in again.stderr
    assert "1 of" in again.stderr
    assert "broken.wav: not an audio file" in again.stderr.rpartition("error:")[2]
    assert {path: path.stat().st_mtime_ns for path in before} == before, "done is done"
    assert contents(logs) == contents(alone)
    assert len(contents(logs)) == RECORDINGS


def test_labels_are_those_of_one_process_and_each_is_heard_once(
    cluster: tuple[object, ...], recordings: Path, tmp_path: Path
) -> None:
    flags = ("--checkpoint_dir", MODEL, "--unlabelled_files", recordings, "--min_confidence", 0)
    alone, out = tmp_path / "alone.csv", tmp_path / "labels.csv"
    assert run_command("pseudo_label", *flags, "--out", alone).returncode == 0
    result = run_command("pseudo_label", *flags, "--out", out, *cluster)
    assert result.returncode == 0, result.stderr
    assert "17 recordings on" in result.stderr
    assert _labels(out) == _labels(alone)
    assert _labels(out.with_suffix(".left_out.csv")) == _labels(alone.with_suffix(".left_out.csv"))
    heard = out.with_suffix(".heard.jsonl").read_text(encoding="utf-8").splitlines()
    keys = [json.loads(line)[0] for line in heard if line][1:]
    assert len(keys) == len(set(keys)) == RECORDINGS


def _labels(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_cluster_that_is_not_there_is_told(recordings: Path, tmp_path: Path) -> None:
    result = transcribe(recordings, tmp_path, "--cluster", "nowhere")
    assert "--cluster nowhere: must be auto, HOST:PORT, ray://HOST:PORT, or local:4" in (
        result.stderr
    )
