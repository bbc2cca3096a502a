"""The stages of a bootstrap, one after the other, each recorded once it is done."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_ctcdecoder.errors import UserError
from stt.atomic_file import write_atomically
from stt.durations import say_duration

from ..checkpoints.loading import load_source
from ..checkpoints.recognise import BOOTSTRAP_RECORD
from ..checkpoints.run_record import read_record
from ..checkpoints.source import SourceModel
from ..cli.bootstrap_flags import WholeFlags
from ..cli.config import DecoderFlags, TuningFlags
from ..corpus import Normalizer, all_characters, plain_alphabet
from ..errors import CheckpointError, CorpusError, ExportError, ScorerError
from ..lm.kenlm import LanguageModelError
from ..lm.optimize import output_files
from . import commands
from .commands import Sets
from .inputs import Inputs, digest_of, sets_of, transcripts_of
from .journal import Done, Journal
from .page import write_page
from .rates import read_rates
from .running import as_typed, run_shown
from .scorer_choice import CHARACTERS, WORDS, Tuned, choose_scorer, read_tuned

_log = logging.getLogger(__name__)
_OF_MODEL = ("the data", "the alphabet", "the source", "the flags", "the trial")
_OF_ALL = (*_OF_MODEL, "the text", "--n_trials")
_WORDLESS_CER = 0.95  # models that write next to nothing are compared by their loss


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: in the journal and for people.
        title: what it does.
        inputs: of what it is made, beside what the stages before it made.
        work: does it; returns what it found out.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    work: Callable[[Walk], dict[str, Any]]


class Walk:
    """A walk through the stages.

    Args:
        data: the collection, as the user named it.
        inputs: of the bootstrap, checked.
        flags: of the command.
        journal: what is done already.
        show: is given what there is to say.
    """

    def __init__(
        self,
        data: str,
        inputs: Inputs,
        flags: WholeFlags,
        journal: Journal,
        show: Callable[[str], object],
    ) -> None:
        self.data = data
        self.inputs = inputs
        self.flags = flags
        self.journal = journal
        self.out = Path(flags.out)
        self.sets = Sets(*sets_of(inputs.split))
        self._show = show
        self._ran: list[str] = []
        self._made: list[str] = []

    def run(self) -> None:
        """Do what is not done.

        Raises:
            StoppedError: a command was interrupted.
            UserError: whatever a command says.
        """
        for number, stage in enumerate(STAGES, 1):
            header = f"=== {number}/{len(STAGES)} {stage.name}: {stage.title}"
            wanted = {name: self.inputs.digests[name] for name in stage.inputs}
            done = self.journal.stages.get(stage.name)
            changes = self._changes(done, wanted) if done else []
            if done and not changes:
                self._show(f"{header}: done before")
                continue
            if changes:
                self._forget(number - 1, changes)
            self._show(f"\n{header}")
            made = self._do(stage, wanted)  # which may name places in the journal
            self.journal = self.journal.with_stage(stage.name, made)

    def found(self, stage: str, name: str) -> Any:
        """Return something that a stage found out, which is done.

        Raises:
            CheckpointError: it is not recorded.
        """
        found = self.journal.stages[stage].found
        if name not in found:
            raise CheckpointError(
                f"{self.out / BOOTSTRAP_RECORD} is damaged (the stage {stage} has no {name}); name "
                "another folder as --out, or remove the file and what is beside it"
            )
        return found[name]

    @property
    def model(self) -> Path:
        """The folder of the trained checkpoint."""
        return self.out / str(self.found("train", "folder"))

    @property
    def scorers(self) -> dict[str, Path]:
        """The scorers that could be made, by kind."""
        return {kind: self.out / name for kind, name in self.found("scorer", "scorers").items()}

    @property
    def scorer(self) -> Path | None:
        """The scorer that the model is better with, where there is one."""
        return self.scorers.get(self.found("tune", "kind"))

    @property
    def alphabet(self) -> Path | None:
        """The alphabet file of the data; None where the model is to write bytes."""
        name = self.found("split", "alphabet")
        return Path(name) if name else None

    def command(self, module: str, words: Sequence[str]) -> None:
        """Print a command as one types it, and run it.

        Raises:
            StoppedError: it ended with another status than 0.
            UserError: whatever it says.
        """
        self._ran.append(as_typed(module, words))
        run_shown(module, words, self._show)

    def keep(self, *paths: Path) -> None:
        """Note what the stage has made: it is done anew where any of that is gone."""
        for path in paths:
            inside = path.is_relative_to(self.out)
            self._made.append(str(path.relative_to(self.out) if inside else path.absolute()))

    def say(self, text: str) -> None:
        """Say something about the stage."""
        self._show(text)

    def _do(self, stage: Stage, wanted: Mapping[str, str]) -> Done:
        self._ran = []
        begun, cpu = time.monotonic(), _cpu_seconds()
        self._made = []
        found = stage.work(self)
        seconds, cpu_seconds = time.monotonic() - begun, _cpu_seconds() - cpu
        self._show(f"Done in {say_duration(seconds)}, {say_duration(cpu_seconds)} of CPU time")
        return Done(wanted, found, tuple(self._made), tuple(self._ran), seconds, cpu_seconds)

    def _changes(self, done: Done, wanted: Mapping[str, str]) -> list[str]:
        """Say why a stage that is done is to be done anew; nothing where it is not."""
        changed = [name for name in wanted if done.inputs.get(name) != wanted[name]]
        lost = [path for path in done.made if not (self.out / path).exists()]
        return [
            *([f"{' and '.join(changed)} changed since this was made"] if changed else []),
            *(f"{self.out / path} is not there any more" for path in lost),
        ]

    def _forget(self, index: int, changes: Sequence[str]) -> None:
        left = [stage.name for stage in STAGES[index:] if stage.name in self.journal.stages]
        self._show(f"\n{'; '.join(changes)}. Done anew: {', '.join(left)}")
        self.journal = self.journal.without(left)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _split(walk: Walk) -> dict[str, Any]:
    split, given = walk.inputs.split, walk.inputs.given
    split.write()
    sets = walk.sets
    walk.say(f"Train, dev and test set: {sets.train}, {sets.dev}, {sets.test}")
    walk.keep(sets.train, sets.dev, sets.test)
    if given.get("bytes_output_mode"):
        return {"alphabet": ""}
    alphabet = split.alphabet
    if not alphabet.is_file():
        make = plain_alphabet if given.get("normalize_transcripts") == "true" else all_characters
        alphabet = walk.out / "alphabet.txt"
        transcripts = list(transcripts_of(split, ("train", "dev", "test")))
        write_atomically(alphabet, make(transcripts).serialize_text())
    walk.keep(alphabet)
    walk.say(f"Alphabet of {Alphabet(alphabet).size} characters: {alphabet}")
    return {"alphabet": str(alphabet)}


def _start(walk: Walk, source: str) -> dict[str, Any]:
    model: SourceModel | None = load_source(source) if source else None
    flags = commands.start_flags(model, walk.alphabet, walk.inputs.given)
    return {**flags, "load_checkpoint_dir": source} if source else flags


def _check(walk: Walk) -> dict[str, Any]:
    problems = []
    for source in walk.inputs.sources or ("",):
        # Of a folder that is not there, since one that is may hold another run.
        words = commands.check_words(
            _start(walk, source), walk.sets, walk.out / "unmade", walk.inputs.given
        )
        try:
            walk.command("train", words)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError("\n".join(dict.fromkeys(problems)))
    return {}


def _choose(walk: Walk) -> dict[str, Any]:
    sources = walk.inputs.sources
    if len(sources) < 2:
        walk.say(f"Nothing to choose from: {sources[0] if sources else 'from scratch'}")
        return {"source": sources[0] if sources else "", "trials": []}
    trials = [_try_source(walk, source) for source in sources]
    best = min(trials, key=lambda one: (min(one["cer"], _WORDLESS_CER), one["loss"]))
    for one in trials:
        walk.say(f"{one['source']}: CER {one['cer']:.3f}, loss {one['loss']:.2f} on the dev set")
    walk.say(f"The best start: {best['source']}")
    return {"source": best["source"], "trials": trials}


def _try_source(walk: Walk, source: str) -> dict[str, Any]:
    digests = [walk.inputs.digests[name] for name in _OF_MODEL]
    walk.journal, folder = walk.journal.place("trial", digest_of([source, digests]))
    results = folder / "dev.json"
    if not results.is_file():  # the last thing that it writes
        words = commands.trial_words(
            _start(walk, source), walk.sets, folder, walk.inputs.given, walk.flags.probe_epochs,
            results,
        )  # fmt: skip
        walk.command("train", words)
    return {"source": source, **asdict(read_rates(results))}


def _train(walk: Walk) -> dict[str, Any]:
    source = str(walk.found("choose", "source"))
    digests = [walk.inputs.digests[name] for name in _OF_MODEL]
    walk.journal, folder = walk.journal.place("training", digest_of([source, digests]))
    record = read_record(folder)
    if record is None or record.phase != "done":
        start = _start(walk, source)
        walk.command("train", commands.train_words(start, walk.sets, folder, walk.inputs.given))
    walk.keep(folder)
    return {"folder": folder.name}


def _scorer(walk: Walk) -> dict[str, Any]:
    model = load_source(walk.model)
    alphabet = cast(Alphabet, model.alphabet)  # a checkpoint of ours has one
    transcripts = walk.out / "scorer" / "transcripts.txt"
    sentences = list(transcripts_of(walk.inputs.split, ("train",)))
    if model.normalizes_transcripts("auto"):
        normalize = Normalizer(alphabet)
        sentences = [normalize(text).text for text in sentences]
    write_atomically(transcripts, "".join(f"{text}\n" for text in sentences))
    texts = [transcripts, *map(Path, walk.inputs.text)]
    scorers, why = {}, {}
    for kind in (CHARACTERS,) if alphabet.is_bytes else (WORDS, CHARACTERS):
        scorer = transcripts.with_name(f"{kind}.scorer")
        words = commands.scorer_words(
            texts, walk.model, scorer, alphabet, kind, small=not walk.inputs.text
        )
        try:
            walk.command("lm.build_scorer", words)
        except (LanguageModelError, ScorerError) as error:
            walk.say(f"Going on without a scorer of {kind}: {error}")
            why[kind] = str(error)
            continue
        walk.keep(scorer)
        scorers[kind] = str(scorer.relative_to(walk.out))
    return {"scorers": scorers, "why": why}


def _tune(walk: Walk) -> dict[str, Any]:
    tuned: dict[str, Tuned] = {}
    for kind, scorer in walk.scorers.items():
        if not tuned:
            scorer.with_name(commands.DEV_POSTERIORS).unlink(missing_ok=True)  # of another model
        words = commands.tune_words(
            walk.sets, walk.model, scorer, walk.flags.n_trials, walk.inputs.given
        )
        walk.command("util.lm_optimize", words)
        outputs = output_files(DecoderFlags(scorer_path=str(scorer)), TuningFlags())
        tuned[kind] = read_tuned(outputs["--results"])
    choice = choose_scorer(tuned)
    walk.say(f"To deliver: {choice.why}")
    rates = {kind: asdict(one.expected) for kind, one in tuned.items()}
    if tuned:
        rates = {"": asdict(next(iter(tuned.values())).without), **rates}
    return {"kind": choice.kind, "why": choice.why, "rates": rates}


def _export(walk: Walk) -> dict[str, Any]:
    folder = walk.out / "export"
    words = commands.export_words(walk.sets, walk.model, folder, walk.scorer, walk.inputs.given)
    try:
        walk.command("export", words)
    except ExportError as error:
        walk.say(f"Not exported: {error}")
        return {"files": [], "why": str(error)}
    files = sorted(folder.iterdir())
    walk.keep(*files)
    return {"files": [str(path.relative_to(walk.out)) for path in files]}


def _evaluate(walk: Walk) -> dict[str, Any]:
    found = {}
    kinds = {"without": None, "with": walk.scorer}
    for kind, scorer in kinds.items():
        if kind == "with" and scorer is None:
            continue
        results = walk.out / "evaluation" / f"{kind}-scorer.json"
        words = commands.evaluate_words(walk.sets, walk.model, results, scorer, walk.inputs.given)
        walk.command("evaluate", words)
        walk.keep(results, results.with_suffix(".html"))
        found[kind] = {**asdict(read_rates(results)), "page": f"evaluation/{kind}-scorer.html"}
    return found


def _report(walk: Walk) -> dict[str, Any]:
    page = walk.out / "report.html"
    for line in write_page(page, walk.data, walk.journal, [stage.name for stage in STAGES]):
        walk.say(line)
    walk.keep(page)
    return {}


STAGES = (
    Stage(
        "split", "train, dev and test set, and the alphabet", ("the data", "the alphabet"), _split
    ),
    Stage("check", "every clip, the source, the plan", _OF_MODEL, _check),
    Stage("choose", "the best of the sources", _OF_MODEL, _choose),
    Stage("train", "by the recipe that fits", _OF_MODEL, _train),
    Stage("scorer", "of the transcripts, and of more text", (*_OF_MODEL, "the text"), _scorer),
    Stage("tune", "the scorers on the dev set, and whether one helps", _OF_ALL, _tune),
    Stage("export", "the model to deploy", _OF_ALL, _export),
    Stage("evaluate", "on the test set, without and with the scorer", _OF_ALL, _evaluate),
    Stage("report", "a page, and what to do next", _OF_ALL, _report),
)
