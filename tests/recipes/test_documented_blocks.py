"""Every code block of the documentation runs on tiny data.

The blocks of a page run in order, in a folder of their own. If a block names a file that does not
exist yet, a tiny one is made (`stand_ins.py`). Commands run in this process, which has imported
PyTorch already, and always with few epochs and trials.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml

import stt.client
from command_runner import Result, captured, chdir, run_command
from coqui_stt_training.cli.commands import COMMANDS
from documented_blocks import PAGES, Block, Command, blocks_of
from source_texts import texts_of_the_source
from stand_ins import LETTERS, WORDS, Stage, clips, write_csv

# Blocks and commands that are not run here: a text at their start or in them, and the reason.
NOT_RUN = {
    "python -m benchmarks": "test_benchmarks.py runs it on a part",
    "owner/name": "the hub's client fixes its address at import; test_push_to_hub.py has a hub",
    "pip ": "it would change what the tests run on; the extras that it names are looked up",
    "make ": "it builds, or runs all tests; test_documented_commands.py looks its target up",
    "hf auth login": "it asks for a token of the hub",
    "python benchmarks/": "it takes minutes; test_documented_commands.py looks the script up",
    "s3://": "buckets need a network; test_remote.py reads from one that is in memory",
    "--to transformers": "it takes wav2vec 2.0; test_transformers_conversion.py has one",
    "from transformers import": "it loads what that command would write, or is what readers had",
    "import nemo.": "NeMo is what readers come from",
    "from speechbrain.": "and so is SpeechBrain",
    "coqui_stt_training.synthesize": "it needs espeak-ng; test_synthesize.py has a stand-in",
    "--voices": "it needs espeak-ng; test_bootstrap_command.py has a stand-in",
    "--cluster": "it needs Ray; test_cluster.py is run where that is installed",
    "apt-get ": "it installs",
}
# Flags that make commands quick; they replace the documented values.
TRAINING = ("--epochs", 1, "--beam_width", 16, "--intra_op_parallelism_threads", 1)
QUICK = {
    "train": TRAINING,
    "bootstrap": (*TRAINING, "--n_trials", 2),
    "learning_curve": (*TRAINING, "--seeds", 1, "--parts", "0.5 0.75 1"),
    "compare": (*TRAINING, "--seeds", 2, "--limit_train", 4),
    "evaluate": ("--beam_width", 16),
    "lm.build_scorer": ("--discount_fallback", "", "--n_trials", 2),
    "util.lm_optimize": ("--n_trials", 2, "--beam_width", 16),
    "lm.generate_lm": ("--discount_fallback", "", "--arpa_order", 3),
}
QUICK_PYTHON = {
    "epochs=100": "epochs=1",
    "drop_source_layers=1,": "drop_source_layers=1, epochs=1,",
}
# Flags of the folders that a command fills; these are removed before each such command.
FILLED = ("--save_checkpoint_dir", "--out", "--export_dir")
# Commands that need a model with real results: they get a stand-in in place of the page's own
# model, which was trained for one epoch.
HEARING = ("align", "pseudo_label")


@dataclass
class Story:
    """The state of a page after the blocks run so far."""

    stage: Stage
    servers: ExitStack
    said: list[str] = field(default_factory=list)
    address: str = ""

    def run(self, block: Block) -> None:
        """Run a block of code, or check a block of another kind."""
        match block.language:
            case "bash":
                for command in block.commands():
                    if command.text and not_run(command.text) is None:
                        self._run_command(command)
            case "python":
                if not_run(block.text) is None:
                    self._run_python(block)
            case "json":
                for value in documents(block.text):
                    assert isinstance(value, dict)
            case "yaml":
                assert isinstance(yaml.safe_load(block.text), dict)
            case "":
                self._compare(block)
            case _:
                pytest.fail(f"{block}: no test knows what to do with {block.language}")

    def _run_command(self, command: Command) -> None:
        words = shlex.split(command.text, comments=True)
        scratch = ("--checkpoint_dir",) if "--architecture" in words else ()
        filled = {value for flag, value in itertools.pairwise(words) if flag in (*FILLED, *scratch)}
        heard = {"my-model"} if any(word.endswith(HEARING) for word in words[:3]) else set()
        for name in filled | heard:
            shutil.rmtree(self.stage.folder / name, ignore_errors=True)
        for name in re.split(r"[\s=,@\[\]]|:(?=[\d.])", " ".join(words)):
            if name not in filled:
                self.stage.provide(name)
        result = self._result(words, command.text)
        assert result.returncode == 0, f"{command}: {command.text}\n{result.stderr}"
        self.said.append(result.stderr)

    def _result(self, words: list[str], text: str) -> Result:
        folder = self.stage.folder
        match words:
            case ["python", "-m", module, *flags] if module.startswith("coqui_stt_training."):
                return self._ours(module.removeprefix("coqui_stt_training."), flags)
            case ["generate_scorer_package", *flags]:
                return self._ours("lm.generate_scorer_package", flags)
            case ["stt", ("serve" | "label"), *_]:
                return self._served(words)
            case ["stt", *flags]:
                return captured(stt.client.main, "stt", *flags, cwd=folder)
        return subprocess.run(
            ["bash", "-c", self._at_the_server(text)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def _ours(self, name: str, flags: list[str]) -> Result:
        entry, flags = COMMANDS.get(name), list(flags)
        quick = iter(QUICK.get(name, ()))
        for flag, value in zip(quick, quick, strict=True):
            if flag in flags:
                del flags[flags.index(flag) : flags.index(flag) + 2]
            flags += [str(flag), *str(value).split()]
        return run_command(entry.module if entry else name, *flags, cwd=self.stage.folder)

    def _served(self, words: list[str]) -> Result:
        """Start a server on a free port; it runs until the page is done."""
        log = self.stage.folder / "server.log"
        self.address = self.servers.enter_context(serving(words, self.stage.folder, log))
        return Result(words, 0, "", log.read_text())

    def _at_the_server(self, text: str) -> str:
        return text.replace("127.0.0.1:8000", self.address.removeprefix("http://"))

    def _run_python(self, block: Block) -> None:
        text = self._at_the_server(block.text)
        for name in re.findall(r'"([^"\n]+)"', text):
            self.stage.provide(name)
        for usual, quick in QUICK_PYTHON.items():
            text = text.replace(usual, quick)
        random = np.random.default_rng(0)
        probs = random.dirichlet(np.ones(len(LETTERS) + 1), 50)
        with chdir(self.stage.folder):
            exec(compile(text, str(block), "exec"), {"probs": probs})

    def _compare(self, block: Block) -> None:
        """Assert that a block of output has no word that the program does not print."""
        known = "\n".join([*self.said, *texts_of_the_source()])
        plain = re.sub(r'"[^"]*"|\'[^\']*\'|\S*[/.:_]\S+|\d\S*', " ", block.text)
        unknown = {word for word in re.findall(r"[a-z]{3,}", plain) if word not in known}
        assert not unknown, f"{block}: the program does not say {unknown}"


def not_run(text: str) -> str | None:
    """Return the entry of `NOT_RUN` that matches a block or command, or None if it is run."""
    return next((part for part in NOT_RUN if text.startswith(part) or
                 (part[-1] != " " and part in text)), None)  # fmt: skip


def documents(text: str) -> list[object]:
    """Return the JSON document of a text, or the documents of its lines."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def serving(words: list[str], folder: Path, log: Path) -> Iterator[str]:
    """Run a server and yield its URL; stop it at the end."""
    command = [sys.executable, "-u", "-m", *words, "--port", "0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        while not (found := re.search(r"(?:Serving on|Open) (http\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        with suppress(urllib.error.HTTPError):  # it may ask for a token
            urllib.request.urlopen(found[1]).close()  # an answer shows that it can be stopped
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint folder of a short training."""
    folder = tmp_path_factory.mktemp("models")
    write_csv(folder / "train.csv", clips(1, count=24))
    write_csv(folder / "dev.csv", clips(2))
    trained = run_command(
        "train", "--checkpoint_dir", folder / "source", "--n_hidden", 32, "--epochs", 60,
        "--train_files", folder / "train.csv", "--dev_files", folder / "dev.csv",
        "--learning_rate", 0.003, "--train_batch_size", 4, *TRAINING[2:],
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    return folder / "source"


@pytest.fixture(scope="module")
def scorer(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scorer of the words in the stand-ins' clips."""
    folder = tmp_path_factory.mktemp("scorers")
    (folder / "text.txt").write_text("".join(f"{word}\n" for word in WORDS) * 10)
    built = run_command(
        "lm.build_scorer", "--input_txt", folder / "text.txt", "--checkpoint", source,
        "--package", folder / "kenlm.scorer", "--discount_fallback",
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "kenlm.scorer"


@pytest.fixture
def story(source: Path, scorer: Path, tmp_path: Path) -> Iterator[Story]:
    with ExitStack() as servers:
        yield Story(Stage(tmp_path, source, scorer), servers)


PAGES_WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS, ids=lambda page: page.stem)
def test_a_page_tells_what_works(page: Path, story: Story) -> None:
    for block in blocks_of(page):
        story.run(block)


def test_all_that_is_not_run_is_there_and_all_extras_are() -> None:
    texts = [text for page in PAGES for block in blocks_of(page)
             for text in (block.text, *(command.text for command in block.commands()))]  # fmt: skip
    assert {not_run(text) for text in texts} - {None} == NOT_RUN.keys()
    assert all(any(usual in text for text in texts) for usual in QUICK_PYTHON)
    named = re.findall(r"'\.\[([\w,]+)\]'", "\n".join(texts))
    extras = {extra for names in named for extra in names.split(",")}
    assert extras
    assert extras <= set(metadata("coqui-stt").get_all("Provides-Extra", []))
