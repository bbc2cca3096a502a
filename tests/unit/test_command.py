"""The frame of every command: errors of the user and of the system take one line."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import coqui_stt_ctcdecoder
from coqui_stt_ctcdecoder.errors import NotBuiltError
from coqui_stt_training import cli
from coqui_stt_training.cli.command import run, start_logging
from coqui_stt_training.cli.commands import COMMANDS
from coqui_stt_training.errors import FlagError
from stt import client
from stt.extras import missing_packages
from stt.output_path import check_output_file, check_output_folder, check_output_list


def test_a_full_disk_is_one_line_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: list[str]) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "out.json")

    assert run(main, []) == 2
    assert capsys.readouterr().err == "error: out.json: No space left on device\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 576000000 bytes"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"),
    ],
)
def test_too_little_memory_is_one_line_and_what_helps(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: list[str]) -> int:
        raise error

    assert run(main, []) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: out of memory: use smaller batches")
    assert str(error) in said
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run(lambda argv: (_ for _ in ()).throw(RuntimeError("a fault of ours")), [])


def test_a_full_disk_is_one_line_of_the_runtime_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(flags: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "clip.srt")

    monkeypatch.setattr(client, "_run", run)
    assert client.main(["--model", "m", "--audio", "clip.wav"]) == 2
    assert capsys.readouterr().err == "stt: clip.srt: No space left on device\n"


def test_what_a_terminal_has_no_letters_for_stops_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def main(argv: list[str]) -> int:
        print("שלום\udce9")
        return 0

    monkeypatch.setattr(sys, "argv", ["stt", "שלום"])
    for command in (lambda: run(main), client.main):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
        monkeypatch.setattr(client, "_run_other", lambda *words: main(list(words)))
        assert command() == 0
        sys.stdout.flush()
        assert written.getvalue().decode() == r"\u05e9\u05dc\u05d5\u05dd\udce9" + os.linesep


def test_a_name_that_is_no_utf8_is_one_line_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: list[str]) -> int:
        (tmp_path / "list.json").write_text(f"{'x' * 999} lat\udce9in.wav", encoding="utf-8")
        return 0

    assert run(main, []) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(
        r"error: cannot write a name that is not UTF-8: x{56} lat\\udce9in.wav; rename it\n", said
    )
    with pytest.raises(FlagError, match="the name is not UTF-8"):
        check_output_folder("--out", tmp_path / "lat\udce9in")


def test_a_log_that_nobody_reads_any_more_stops_no_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    for stream, said in (
        (Closed(), ""),
        (Full(), "cannot write the log: No space left on device\n"),
    ):
        start_logging(1, stream=stream)
        for _ in range(2):
            logging.getLogger("coqui_stt_training.x").info("hello")
        assert capsys.readouterr().err == said
    start_logging(1, ["a notice"])
    assert re.fullmatch(r"\d{4}(-\d\d){2} \d\d(:\d\d){2} I a notice\n", capsys.readouterr().err)


def test_a_command_whose_results_nobody_reads_still_writes_its_files(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from coqui_stt_training.cli.command import *\n"
        "def main(argv):\n"
        "    sys.stdin.read()\n"  # until the reader has closed its end
        "    print_now('x' * 99999); print_now('y')\n"
        "    Path(argv[0]).write_text('written')\n"
        "sys.exit(run(main))\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "report.json")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, text=True) as process:  # type: ignore[call-overload]
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert (tmp_path / "report.json").read_text() == "written"


def test_places_that_can_be_written_are_left_without_a_trace(tmp_path: Path) -> None:
    check_output_file("--x", tmp_path / "new" / "folder" / "file")
    check_output_folder("--x", tmp_path / "new")
    check_output_folder("--x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_sources_and_lists_of_others_are_not_written_over(tmp_path: Path) -> None:
    mine, link = tmp_path / "mine.csv", tmp_path / "link.csv"
    mine.write_text("wav_filename,transcript\n")
    link.symlink_to(mine)
    check_output_file("--fix", mine)
    for path in (mine, link):
        with pytest.raises(FlagError, match="is one of the sources, and would be overwritten"):
            check_output_file("--fix", path, [tmp_path / "gone.csv", mine])
        with pytest.raises(FlagError, match="was not written by this command"):
            check_output_list("--out", path, "confidence")
    mine.write_text("wav_filename,confidence\n")
    for path in (mine, tmp_path / "new.csv"):
        check_output_list("--out", path, "confidence")


def test_places_that_cannot_be_written_are_named_with_their_flag(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, problem in (
        (tmp_path, "is a folder"),
        (file / "x", "is a file, not a folder"),
        ("/dev/null", "is not a regular file"),
        ("/proc/x", "/proc cannot be"),
    ):
        with pytest.raises(FlagError, match=f"--flag {path}: .*{problem}"):
            check_output_file("--flag", path)
    with pytest.raises(FlagError, match="is a file; give a folder"):
        check_output_folder("--flag", file)


def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(argv: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'yaml.nodes'", name="yaml.nodes")

    assert run(main, []) == 2
    assert "pip install '.[train]'" in capsys.readouterr().err


def test_all_that_an_extra_lacks_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.distribution

    def distribution(name: str) -> metadata.Distribution:
        if name in ("torch", "optuna"):
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    said = missing_packages("torch")
    assert said.startswith("torch, optuna are not installed; in the folder with the sources run: ")
    assert said.endswith("pip install '.[train]'")
    assert missing_packages("onnx").startswith("torch, optuna, onnx are not installed")
    assert missing_packages("onnx").endswith("'.[export]'")
    assert missing_packages("nobody_knows_it").endswith("run: pip install nobody_knows_it")


SCRIPTS = {
    "train": "train",
    "evaluate": "evaluate",
    "transcribe": "transcribe",
    "lm_optimizer": "util.lm_optimize",
    "evaluate_tflite": "evaluate_tflite",
    "evaluate_flashlight": "evaluate_flashlight",
    "evaluate_wav2vec2am": "evaluate_wav2vec2am",
    "lm_optimize_wav2vec2am": "util.lm_optimize_wav2vec2am",
    "inference": "training_graph_inference_flashlight",
}


@pytest.mark.parametrize(("script", "module"), SCRIPTS.items())
def test_scripts_that_call_main_without_flags_get_those_of_the_process(
    script: str, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"coqui_stt_training.{module}").main
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "--no_such_flag", "3"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "error: unknown flag --no_such_flag; see --help\n" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("flag", ["--help", "--helpfull"])
def test_both_spellings_of_help(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train", "inspect", "lm.generate_lm"):
        with pytest.raises(SystemExit) as end:
            importlib.import_module(f"coqui_stt_training.{name}").main([flag])
        assert end.value.code == 0
        assert "usage: " in capsys.readouterr().out


def test_the_package_lists_its_commands_and_runs_them(capsys: pytest.CaptureFixture[str]) -> None:
    package = importlib.import_module("coqui_stt_training.__main__")
    assert package.main([]) == 0
    listed = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in listed
    assert package.main(["inspect", "nowhere"]) == 2
    assert "error: nowhere does not exist" in capsys.readouterr().err
    with pytest.raises(
        FlagError, match=r"trian; did you mean train\? It must be one of sources"
    ) as told:
        package.main(["trian"])
    assert str(told.value).endswith(", ".join(COMMANDS))


def test_every_command_is_in_the_table_that_stt_reads() -> None:
    sources = Path(cli.__file__).parents[1]
    modules = {
        ".".join(path.relative_to(sources).with_suffix("").parts)
        for path in sources.rglob("*.py")
        if "\n@command\ndef main(" in path.read_text(encoding="utf-8")
    }
    same = {"lm.optimize": "util.lm_optimize"}
    assert {same.get(name, name) for name in modules} - {"__main__"} <= {
        entry.module for entry in COMMANDS.values()
    }, "a new command is to be listed in cli/commands.py"
    [point] = metadata.entry_points(group="stt.commands")
    assert point.load() is COMMANDS


def test_what_is_not_compiled_says_how_to_compile_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("native", "_native"):
        monkeypatch.delitem(sys.modules, f"coqui_stt_ctcdecoder.{name}", raising=False)
        monkeypatch.delattr(coqui_stt_ctcdecoder, name, raising=False)
    monkeypatch.setitem(sys.modules, "coqui_stt_ctcdecoder._native", None)
    with pytest.raises(NotBuiltError, match=r"in the folder with its sources run: pip install \."):
        importlib.import_module("coqui_stt_ctcdecoder.native")
