"""The work of each stage of a bootstrap, and its inputs."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_ctcdecoder.errors import UserError
from stt.atomic_file import write_atomically

from ..checkpoints.loading import load_source
from ..checkpoints.run_record import read_record
from ..checkpoints.source import SourceModel
from ..cli.config import DecoderFlags, TuningFlags
from ..corpus import all_characters, plain_alphabet
from ..errors import CorpusError, ExportError, ScorerError
from ..experiments.rates import read_rates
from ..experiments.start_flags import start_flags
from ..lm.build_scorer import SCRATCH_PREFIX
from ..lm.kenlm import LanguageModelError
from ..lm.optimize import output_files
from . import commands
from .inputs import SETS, transcripts_of
from .page import write_page
from .scorer_choice import CHARACTERS, WORDS, Tuned, choose_scorer, read_tuned
from .walk import Stage, StageWalk

_OF_TRIAL = ("the data", "the alphabet", "the source", "the flags", "the trial")
_OF_MODEL = (*_OF_TRIAL, "what is read out")
_OF_SPEECH = ("the data", "the alphabet", "what is read out")
_OF_ALL = (*_OF_MODEL, "the text", "--n_trials")
_WORDLESS_CER = 0.95  # models that transcribe almost nothing are compared by their loss


def _split(walk: StageWalk) -> dict[str, Any]:
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
        transcripts = list(transcripts_of(split, SETS))
        write_atomically(alphabet, make(transcripts).serialize_text())
    walk.keep(alphabet)
    walk.say(f"Alphabet of {Alphabet(alphabet).size} characters: {alphabet}")
    return {"alphabet": str(alphabet)}


def _speak(walk: StageWalk) -> dict[str, Any]:
    if not walk.flags.reads_out:
        walk.say("Nothing: no --voices")
        return {}
    folder = walk.place("speech", _OF_SPEECH)
    walk.command(
        "synthesize",
        commands.speak_words(
            walk.inputs.text, walk.alphabet, folder, walk.flags, walk.inputs.given
        ),
    )
    clips = folder / "clips.csv"
    walk.keep(clips)
    return {"clips": str(clips.relative_to(walk.out))}


def _start(walk: StageWalk, source: str) -> dict[str, Any]:
    model: SourceModel | None = load_source(source) if source else None
    transcripts = transcripts_of(walk.inputs.split, SETS)
    flags = start_flags(model, walk.alphabet, walk.inputs.given, transcripts)
    return {**flags, "load_checkpoint_dir": source} if source else flags


def _check(walk: StageWalk) -> dict[str, Any]:
    problems = []
    for source in walk.inputs.sources or ("",):
        # The folder must not exist, because an existing one may hold another run.
        words = commands.check_words(
            _start(walk, source), walk.data, walk.out / "unmade", walk.inputs.given
        )
        try:
            walk.command("train", words)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError("\n".join(dict.fromkeys(problems)))
    return {}


def _choose(walk: StageWalk) -> dict[str, Any]:
    sources = walk.inputs.sources
    if len(sources) < 2:
        walk.say(f"No comparison of sources: {sources[0] if sources else 'from scratch'}")
        return {"source": sources[0] if sources else "", "trials": []}
    trials = [_try_source(walk, source) for source in sources]
    best = min(trials, key=lambda one: (min(one["cer"], _WORDLESS_CER), one["loss"]))
    for one in trials:
        walk.say(f"{one['source']}: CER {one['cer']:.3f}, loss {one['loss']:.2f} on the dev set")
    walk.say(f"Best source: {best['source']}")
    return {"source": best["source"], "trials": trials}


def _try_source(walk: StageWalk, source: str) -> dict[str, Any]:
    folder = walk.place("trial", _OF_TRIAL, source)
    results = folder / "dev.json"
    if not _is_trained(folder):
        words = commands.trial_words(
            _start(walk, source), walk.sets, folder, walk.inputs.given, walk.flags.probe_epochs
        )
        walk.command("train", words)
    if not results.is_file():
        measured = commands.trial_result_words(walk.sets, folder, results, walk.inputs.given)
        walk.command("evaluate", measured)
    return {"source": source, **asdict(read_rates(results))}


def _is_trained(folder: Path) -> bool:
    record = read_record(folder)
    return record is not None and record.phase == "done"


def _train(walk: StageWalk) -> dict[str, Any]:
    source = str(walk.found("choose", "source"))
    folder = walk.place("training", _OF_MODEL, source)
    if not _is_trained(folder):
        start = _start(walk, source)
        walk.command("train", commands.train_words(start, walk.sets, folder, walk.inputs.given))
    walk.keep(folder)
    return {"folder": folder.name}


def _scorer(walk: StageWalk) -> dict[str, Any]:
    alphabet = cast(
        Alphabet, load_source(walk.model).alphabet
    )  # our own checkpoints always have one
    transcripts = walk.out / "scorer" / "transcripts.txt"
    sentences = list(transcripts_of(walk.inputs.split, ("train",)))
    write_atomically(transcripts, "".join(f"{text}\n" for text in sentences))
    texts = [transcripts, *map(Path, walk.inputs.text)]
    keeps_case = alphabet.is_bytes and any(text != text.lower() for text in sentences)
    scorers, why = {}, {}
    for left in transcripts.parent.glob(f"{SCRATCH_PREFIX}*"):  # of a killed process
        shutil.rmtree(left, ignore_errors=True)
    for kind in (CHARACTERS,) if alphabet.is_bytes else (WORDS, CHARACTERS):
        scorer = transcripts.with_name(f"{kind}.scorer")
        words = commands.scorer_words(
            texts, walk.model, scorer, alphabet, kind, small=not walk.inputs.text,
            keeps_case=keeps_case,
        )  # fmt: skip
        try:
            walk.command("lm.build_scorer", words)
        except (LanguageModelError, ScorerError) as error:
            walk.say(f"Continuing without a scorer of {kind}: {error}")
            why[kind] = str(error)
            continue
        walk.keep(scorer)
        scorers[kind] = str(scorer.relative_to(walk.out))
    return {"scorers": scorers, "why": why}


def _tune(walk: StageWalk) -> dict[str, Any]:
    tuned: dict[str, Tuned] = {}
    for kind, scorer in walk.scorers.items():
        if not tuned:
            # They may be those of another model.
            scorer.with_name(commands.DEV_POSTERIORS).unlink(missing_ok=True)
        words = commands.tune_words(
            walk.sets, walk.model, scorer, walk.flags.n_trials, walk.inputs.given
        )
        walk.command("util.lm_optimize", words)
        outputs = output_files(DecoderFlags(scorer_path=str(scorer)), TuningFlags())
        tuned[kind] = read_tuned(outputs["--results"])
    choice = choose_scorer(tuned)
    walk.say(f"Scorer of the final model: {choice.why}")
    rates = {kind: asdict(one.expected) for kind, one in tuned.items()}
    if tuned:
        rates = {"": asdict(next(iter(tuned.values())).without), **rates}
    return {"kind": choice.kind, "why": choice.why, "rates": rates}


def _export(walk: StageWalk) -> dict[str, Any]:
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


def _evaluate(walk: StageWalk) -> dict[str, Any]:
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


def _report(walk: StageWalk) -> dict[str, Any]:
    names = [stage.name for stage in walk.stages]
    for line in write_page(walk.page, walk.data, walk.sets, walk.journal, names):
        walk.say(line)
    walk.keep(walk.page)
    return {}


STAGES = (
    Stage(
        "split", "train, dev and test set, and the alphabet", ("the data", "the alphabet"), _split
    ),
    Stage("speak", "synthetic speech from sentences of the text", _OF_SPEECH, _speak),
    Stage("check", "every clip, the source, the plan", _OF_MODEL, _check),
    Stage("choose", "the best of the sources", _OF_TRIAL, _choose),
    Stage("train", "by the recipe that fits", _OF_MODEL, _train),
    Stage("scorer", "from the transcripts and more text", (*_OF_MODEL, "the text"), _scorer),
    Stage("tune", "the scorers on the dev set, and whether one helps", _OF_ALL, _tune),
    Stage("export", "the model to deploy", _OF_ALL, _export),
    Stage("evaluate", "on the test set, without and with the scorer", _OF_ALL, _evaluate),
    Stage("report", "a page with results and next steps", _OF_ALL, _report),
)
