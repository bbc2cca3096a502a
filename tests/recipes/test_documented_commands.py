"""Whatever the documentation names exists: commands, flags, links, make targets, scripts."""

from __future__ import annotations

import argparse
import importlib
import io
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import yaml
from torch.distributed import run as torchrun

from coqui_stt_training.cli.commands import COMMANDS as TRAINING_COMMANDS
from documented_blocks import PAGES, REPOSITORY, Command, documented_commands, started_alone

# Commands that the documentation may use, and their modules, which have a `main(argv)`.
COMMANDS = {
    **{
        f"python -m {name}": name
        for folder in ("", "lm/", "util/")
        for path in (REPOSITORY / "src/coqui_stt_training" / folder).glob("*.py")
        if re.search(r"^(def main\(|from .* import main$)", path.read_text(encoding="utf-8"), re.M)
        for name in [f"coqui_stt_training.{folder.replace('/', '.')}{path.stem}"]
    },
    "generate_scorer_package": "coqui_stt_training.lm.generate_scorer_package",
    "python -m coqui_stt_training.report": "coqui_stt_training.report.command",
    "stt": "stt.client",
}


def own_commands() -> list[Command]:
    calls = tuple(f"{call} " for call in COMMANDS)
    return [command for command in documented_commands() if command.text.startswith(calls)]


class Accepted(Exception):  # noqa: N818 - it reports success
    """The command line was parsed without an error; the command itself is not run."""


@pytest.fixture
def stop_after_parsing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Return a function that gives a module's `main`, changed to raise `Accepted` after parsing."""
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_stop(*arguments: object, **named: object) -> None:
        parse_args(*arguments, **named)  # type: ignore[arg-type]
        raise Accepted

    def main_of(module_name: str) -> object:
        main = importlib.import_module(module_name).main
        module = importlib.import_module(main.__module__)  # some modules only import another's main
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        if parse := getattr(module, "parse", None):

            def parse_flags_and_stop(*arguments: object, **named: object) -> None:
                notices = parse(*arguments, **named).notices
                assert not notices, notices
                raise Accepted

            monkeypatch.setattr(module, "parse", parse_flags_and_stop)
        return main

    return main_of


@pytest.mark.parametrize("command", own_commands(), ids=str)
def test_documented_commands_are_understood(
    command: Command, stop_after_parsing: Callable[[str], Callable[[Sequence[str]], int]]
) -> None:
    call = max((call for call in COMMANDS if command.text.startswith(f"{call} ")), key=len)
    words = shlex.split(command.text.removeprefix(call), comments=True)
    module = COMMANDS[call]
    if call == "stt" and words[0] in TRAINING_COMMANDS:
        module = f"coqui_stt_training.{TRAINING_COMMANDS[words.pop(0)].module}"
    with pytest.raises(Accepted):
        stop_after_parsing(module)(words)


def test_every_python_module_that_is_called_exists() -> None:
    called = {
        match[0]
        for command in documented_commands()
        if (match := re.match(r"python -m coqui_stt_training[\w.]*", command.text))
    }
    assert called
    assert called <= COMMANDS.keys()
    core = ("train", "evaluate", "inspect", "convert", "export", "transcribe")
    assert called >= {f"python -m coqui_stt_training.{name}" for name in core}


def test_scripts_and_make_targets_that_are_named_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.M))
    for command in documented_commands():
        if match := re.match(r"(?:make (\w+)$|python ([\w/]+\.py))", command.text):
            target, script = match.groups()
            assert target in targets if target else (REPOSITORY / script).is_file(), str(command)


def test_flags_in_the_text_exist() -> None:
    known = set()
    for module_name in set(COMMANDS.values()):
        known |= set(re.findall(r"--(\w[\w-]*)", help_of(module_name)))
    known |= set(re.findall(r"--(\w[\w-]*)", help_of("stt.client", "serve")))
    known |= set(re.findall(r"--(\w[\w-]*)", torchrun.get_args_parser().format_help()))
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for span in re.findall(r"`(--[^`]+)`", text):
            for flag in re.findall(r"--(\w[\w-]*)", span):
                name = flag.removeprefix("no") if flag.removeprefix("no") in known else flag
                assert name in known, f"{page.name}: --{flag}"


def help_of(module_name: str, *words: str) -> str:
    text = io.StringIO()
    with redirect_stdout(text), pytest.raises(SystemExit):
        importlib.import_module(module_name).main([*words, "--help"])
    return text.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def scaling_commands() -> dict[str, str]:
    """Return the calls of `torchrun` in the cluster examples, without replacing their variables."""
    folder = REPOSITORY / "examples/scaling"
    script = (folder / "slurm.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    job = yaml.safe_load((folder / "pytorchjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    pod = job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    assert str(container["resources"]["limits"]["nvidia.com/gpu"]) == job["spec"]["nprocPerNode"]
    (line,) = [line for line in script.splitlines() if line.startswith("srun ")]
    return {
        "slurm.sh": line[line.index("torchrun") :].removesuffix(" &"),
        "pytorchjob.yaml": shlex.join([*container["command"], *container["args"]]),
    }


@pytest.mark.parametrize("name", ["slurm.sh", "pytorchjob.yaml"])
def test_examples_for_clusters_are_understood(
    name: str, stop_after_parsing: Callable[[str], Callable[[Sequence[str]], int]]
) -> None:
    call, module, *words = shlex.split(started_alone(scaling_commands()[name]))[1:]
    assert (call, module) == ("-m", "coqui_stt_training.train")
    with pytest.raises(Accepted):
        stop_after_parsing(module)(words)


def test_the_example_for_kuberay_is_understood(
    stop_after_parsing: Callable[[str], Callable[[Sequence[str]], int]],
) -> None:
    job = yaml.safe_load((REPOSITORY / "examples/scaling/rayjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    python, call, module, *words = shlex.split(job["spec"]["entrypoint"])
    assert (python, call) == ("python", "-m")
    with pytest.raises(Accepted):
        stop_after_parsing(module)(words)


def test_the_example_for_slurm_saves_and_comes_again_when_its_time_is_over(tmp_path: Path) -> None:
    """Stand-ins for Slurm's commands record their arguments, and `srun` also the signal it gets."""
    said = tmp_path / "said"
    steps = {
        "scontrol": f'[ "$1" = requeue ] && echo "requeued $2" >> {said} || echo node-1',
        "scancel": f'echo "$@" >> {said}; kill -TERM $(cat {tmp_path}/step)',
        "srun": f'trap "sleep 0.2; echo saved >> {said}; exit 143" TERM; '
        f'echo $$ > {tmp_path}/step; echo "$@" >> {said}; while true; do sleep 0.05; done',
        "activate": "true",
    }
    (tmp_path / "bin").mkdir()
    for name, does in steps.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    job = subprocess.Popen(
        ["bash", REPOSITORY / "examples/scaling/slurm.sh"],
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "VENV": str(tmp_path), "SLURM_JOB_ID": "7",
             "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node-[1-2]"},
    )  # fmt: skip
    while not (said.exists() and said.read_text()):
        time.sleep(0.02)
    job.terminate()
    assert job.wait(20) == 128 + signal.SIGTERM
    called, *then = said.read_text().splitlines()
    assert "--rdzv-endpoint node-1:29400" in called
    assert then == ["--signal=TERM 7", "saved", "requeued 7"]
