"""Checks the inputs of a bootstrap before its first stage, and reports all problems at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.errors import UserError
from stt.counted import counted
from stt.output_path import check_output_folder

from ..bootstrapping.public_sources import MANY_LANGUAGES, PUBLIC_SOURCES
from ..checkpoints.loading import digest_source, load_source
from ..checkpoints.recognise import BOOTSTRAP_RECORD
from ..cli.flags import Parsed, as_dict
from ..cli.pipeline_flags import BootstrapConfig, PipelineFlags
from ..cli.synthesis_flags import SynthesisFlags
from ..corpus import AutoInput, plan_split
from ..corpus.files import file_digest
from ..errors import CorpusError, FlagError
from ..experiments.digest import digest_of
from ..experiments.out_folder import check_out_folder
from ..experiments.trainings import NEUTRAL_FLAGS
from ..lm.text import Case, read_lines
from ..synthesis.synthesiser import find_synthesiser

LEAST_CLIPS = 20
SCRATCH = "scratch"
SETS = ("train", "dev", "test")
# Flags that `bootstrap` sets itself for the commands that it runs.
_FIXED_FLAGS = frozenset(
    {
        "train_files", "dev_files", "test_files", "auto_input_dataset", "checkpoint_dir",
        "load_checkpoint_dir", "save_checkpoint_dir", "load_train", "load_evaluate", "run",
        "dry_run", "scorer_path", "lm_alpha", "lm_beta", "test_output_file", "report", "compare",
        "one_shot_infer",
    }
)  # fmt: skip
_NEUTRAL_FLAGS = NEUTRAL_FLAGS.union(vars(BootstrapConfig().pipeline))
_LINES_LOOKED_AT = 2000
_LEAST_SHARE_OF_LETTERS = 0.5
_EXAMPLES = 3


@dataclass(frozen=True)
class BootstrapInputs:
    """The inputs of a bootstrap.

    Attributes:
        split: the train, dev and test set, maybe still to be written.
        sources: source models to choose from; none: train from scratch.
        text: text files for the scorers.
        given: flags that are passed on to the commands.
        digests: digest of each input that affects results, by its name in words.
    """

    split: AutoInput
    sources: tuple[str, ...]
    text: tuple[str, ...]
    given: Mapping[str, Any]
    digests: Mapping[str, str]


def check_inputs(data: str, parsed: Parsed[BootstrapConfig]) -> BootstrapInputs:
    """Read and check all inputs.

    Args:
        data: the collection of clips.
        parsed: the flags.

    Raises:
        FlagError: inputs are wrong; the message has one line for each problem.
    """
    config, pipeline = parsed.config, parsed.config.pipeline
    problems: list[str] = []

    def attempt(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except UserError as error:
            problems.append(str(error).replace(f"--auto_input_dataset {data}", data))
            return None

    attempt(partial(_check_flags, parsed.given))
    attempt(partial(_check_out, pipeline.out))
    split = attempt(partial(_read_data, data, config))
    attempt(partial(_check_given, pipeline.source))
    sources = [source for source in dict.fromkeys(pipeline.source) if source != SCRATCH]
    models = [attempt(partial(_read_source, source)) for source in sources]
    texts = [attempt(partial(_read_text, path, split)) for path in pipeline.text]
    if pipeline.reads_out:
        attempt(partial(_check_voices, pipeline))
    if problems:
        raise FlagError("\n".join(problems))
    flags = as_dict(config)
    given = {name: flags[name] for name in sorted(parsed.given) if name not in vars(pipeline)}
    acting = {name: value for name, value in given.items() if name not in _NEUTRAL_FLAGS}
    digests = {
        "the data": digest_of([split.files.digest(str(path)) for path in sets_of(split)]),
        "the source": digest_of(models),
        "the alphabet": digest_of(_alphabet(config)),
        "the flags": digest_of(acting),
        "the trial": digest_of([pipeline.probe_epochs if len(sources) > 1 else 0]),
        "the text": digest_of(texts),
        "--n_trials": digest_of(pipeline.n_trials),
    }
    if pipeline.reads_out:
        reading = [
            pipeline.voices,
            pipeline.synthesiser,
            pipeline.spoken_sentences,
            pipeline.spoken_share,
        ]
        digests["what is read out"] = digest_of([texts, *reading])
    return BootstrapInputs(split, tuple(sources), pipeline.text, given, digests)


def sets_of(split: AutoInput) -> tuple[Path, Path, Path]:
    """Return the train, dev and test set."""
    return split.train, split.dev, split.test


def _check_flags(given: frozenset[str]) -> None:
    if fixed := sorted(given & _FIXED_FLAGS):
        names = ", ".join(f"--{name}" for name in fixed)
        raise FlagError(
            f"{names}: bootstrap sets this itself; leave it out, or run the commands that "
            "bootstrap prints by hand"
        )


def _check_out(out: str) -> None:
    if not out:
        raise FlagError("no output folder; give --out")
    check_out_folder(out, BOOTSTRAP_RECORD, "a bootstrap")


def _check_given(sources: Sequence[str]) -> None:
    if not sources:
        many = [source.name for source in PUBLIC_SOURCES if source.tag == MANY_LANGUAGES]
        names = ", ".join(many[:_EXAMPLES])
        raise FlagError(
            "no --source, and a model from scratch needs far more speech: give one, for example "
            f"{names} (`python -m coqui_stt_training.sources` lists {len(PUBLIC_SOURCES)}), or "
            "--source scratch"
        )
    if SCRATCH in sources and len(set(sources)) > 1:
        raise FlagError("--source scratch cannot be combined with other sources")


def _read_data(data: str, config: BootstrapConfig) -> AutoInput:
    path = Path(data)
    if not path.exists():
        raise CorpusError(f"{data}: no such file or folder; give a collection of clips")
    if path.is_dir() and not any(path.iterdir()):
        raise CorpusError(f"{data}: folder is empty; put recordings and their text into it")
    split = plan_split(
        path,
        seed=config.training.random_seed,
        alphabet_path=config.alphabet.alphabet_config_path or None,
        makes_alphabet=not config.alphabet.bytes_output_mode,
        normalizes=config.data.normalize_transcripts == "true",
        least_rows=LEAST_CLIPS,
    )
    count = sum(1 for _ in transcripts_of(split, SETS))
    if count < LEAST_CLIPS:
        raise CorpusError(
            f"{data}: has {counted(count, 'clip')} with text, but at least {LEAST_CLIPS} are "
            "needed to train, validate and test"
        )
    if split.unwritten:
        _check_beside(data, split.train.parent)
    return split


def _check_beside(data: str, folder: Path) -> None:
    try:
        check_output_folder("the sets are written beside the collection:", folder)
    except FlagError as error:
        links = shlex.join(["cp", "-rs", str(folder.absolute()), "my-data"])
        raise CorpusError(
            f"{data}: {error}. A folder of links to its files will do, in a place of yours: {links}"
        ) from None


def transcripts_of(split: AutoInput, names: Sequence[str]) -> Iterator[str]:
    """Yield the transcripts of some sets, without empty ones and those of unusable rows.

    Raises:
        CorpusError: a set cannot be read.
    """
    for name, path in zip(SETS, sets_of(split), strict=True):
        if name in names:
            for row in split.files.rows(str(path)).rows:
                if row.problem is None and row.transcript.strip():
                    yield row.transcript


def _read_source(source: str) -> str:
    try:
        load_source(source)
        return digest_source(source)
    except UserError as error:
        raise FlagError(f"--source {source}: {error}") from None


def _read_text(path: str, split: AutoInput | None) -> str:
    """Check that a text has letters of the transcripts, and return the digest of its file."""
    if not Path(path).is_file():
        raise FlagError(f"--text {path}: no such file")
    try:
        lines = list(islice(read_lines([Path(path)], Case.LOWER), _LINES_LOOKED_AT))
    except UserError as error:
        raise FlagError(str(error).replace("--input_txt", "--text")) from None
    letters = [letter for line in lines for letter in line if letter.isalpha()]
    if not letters:
        raise FlagError(f"--text {path}: no words found")
    if split is not None:
        known = set().union(*(text.lower() for text in transcripts_of(split, SETS)))
        share = sum(letter in known for letter in letters) / len(letters)
        if share < _LEAST_SHARE_OF_LETTERS:
            raise FlagError(
                f"--text {path}: is in another script than the transcripts, which contain only "
                f"{share:.0%} of its letters; give text of the same language and script"
            )
    return file_digest(path)


def _check_voices(pipeline: PipelineFlags) -> None:
    flags = SynthesisFlags(text=pipeline.text, voices=pipeline.voices, command=pipeline.synthesiser)
    try:
        if problems := flags.speech_problems():
            raise FlagError("\n".join(problems))
        find_synthesiser(pipeline.synthesiser, pipeline.voices)
    except FlagError as error:
        raise FlagError(str(error).replace("--command", "--synthesiser")) from None


def _alphabet(config: BootstrapConfig) -> list[Any]:
    """Return the settings that the alphabet depends on, besides the data."""
    path = config.alphabet.alphabet_config_path
    normalizes = config.data.normalize_transcripts == "true"
    return [file_digest(path) if path else "", config.alphabet.bytes_output_mode, normalizes]
