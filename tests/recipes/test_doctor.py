"""The commands about the installation: `doctor` and `completion`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stt
from command_runner import run_command
from coqui_stt_training import doctor
from coqui_stt_training.cli.commands import COMMANDS
from coqui_stt_training.scoring import ctc
from stt import extras


def test_doctor_tries_each_device_and_says_what_runs_where() -> None:
    result = run_command("doctor", "--json")
    found = json.loads(result.stdout)
    assert found["devices"][0]["device"] == "cpu"
    assert found["devices"][0]["works"] is True
    assert set(found["kernels"]) == {"decoder", "int8 models", "float models"}
    assert all(found["kernels"].values())
    assert found["packages"]["torch"]
    assert result.returncode == 0 or found["broken"]
    text = run_command("doctor").stdout
    assert "cpu (CPU" in text
    assert "works" in text


def test_doctor_names_what_is_missing_and_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_installed = extras._is_installed
    monkeypatch.setattr(
        extras, "_is_installed", lambda name: name != "uvicorn" and is_installed(name)
    )
    found = json.loads(run_command("doctor", "--json").stdout)
    (server,) = (one for one in found["missing"] if one["part"] == "server")
    assert server["packages"] == ["uvicorn"]
    assert server["command"] == "pip install '.[server]'"


def test_doctor_says_where_a_device_does_not_train(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: str) -> list[float]:
        raise RuntimeError("no kernel image is available\nmore")

    monkeypatch.setattr(doctor, "_tiny_training", broken)
    result = run_command("doctor")
    assert result.returncode == 1
    assert "FAILS: no kernel image is available" in result.stdout


def test_doctor_names_a_program_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = json.loads(run_command("doctor", "--json").stdout)
    problems = {one["for"]: one["problem"] for one in found["programs"]}
    assert "apt-get install espeak-ng" in problems["synthetic speech"]


def test_doctor_tries_the_loss_that_training_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(ctc, "ctc_loss", broken)
    result = run_command("doctor")
    assert result.returncode == 1
    assert "FAILS: no such kernel" in result.stdout


def test_doctor_goes_on_where_the_native_parts_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stt._native", None)
    monkeypatch.delattr(stt, "_native", raising=False)
    result = run_command("doctor")
    assert result.returncode == 1
    assert "BROKEN: the native parts cannot be loaded" in result.stdout


def completed(script: Path, *words: str) -> list[str]:
    """Return the completions that bash offers for the last word of a command line."""
    line = " ".join(f"'{word}'" for word in ("stt", *words))
    code = f'source "{script}"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _stt; ' + (
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return subprocess.run(
        ["bash", "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()


def test_bash_completes_commands_flags_and_values(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run_command("completion", "bash").stdout, encoding="utf-8")
    assert set(completed(script, "")) >= {*COMMANDS, "serve", "--model"}
    assert completed(script, "train", "--load_tr") == ["--load_train"]
    assert completed(script, "train", "--load_train", "") == ["auto", "best", "last", "init"]
    assert completed(script, "train", "--early_stop", "t") == ["true"]
    assert "--port" in completed(script, "serve", "--")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_it(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(run_command("completion", shell).stdout, encoding="utf-8")
    assert "load_train" in script.read_text(encoding="utf-8")
    if shutil.which(shell):
        subprocess.run([shell, "--no-execute", script], check=True)
