"""What `evaluate` and `training_graph_inference` do after their flags are parsed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.audio.file import read_audio, read_sample_rate
from stt.counted import counted
from stt.frontends import FrontEnd

from ..batches.feature_store import FeatureStore
from ..batches.loader import BatchLoader
from ..batches.sampler import make_batches
from ..bootstrapping.alphabets import given_alphabet
from ..checkpoints.loading import load_source
from ..checkpoints.source import SourceModel
from ..cli.command import print_now
from ..cli.config import (
    AlphabetFlags,
    EvaluateConfig,
    EvaluationFlags,
    InferenceConfig,
    LogFlags,
    SourceFlags,
)
from ..cli.data_flags import DataFlags, TestDataFlags
from ..cli.flags import Parsed
from ..cli.launch import Launch
from ..cli.progress_bar import ProgressBar
from ..corpus import ClipSet, Corpus, CorpusRules, check_corpus, expand_file_list
from ..errors import AudioError, BootstrapError, FlagError
from ..models.acoustic_model import AcousticModel
from ..report.evaluation import caveat_of, format_report, save_samples_json
from ..scoring.decoding import BeamSearchDecoder, Decoder
from ..scoring.evaluation import build_model, transcribe_batches
from ..training.distributed import World, joined
from .evaluation_report import report_evaluation
from .features import choose_features
from .identity import digest_of_clips
from .machine import log_placement, prepare_machine
from .results import EvaluationResult
from .session import log_loading

_log = logging.getLogger(__name__)


def run_evaluation(
    parsed: Parsed[EvaluateConfig], show: Callable[[str], object] = print_now
) -> list[EvaluationResult]:
    """Evaluate a checkpoint on each of `--test_files`.

    Args:
        parsed: the flags.
        show: called with the report of each set.

    Raises:
        UserError: no checkpoint, bad rows, flags that do not fit, ...
    """
    with joined(Launch.read()) as world:
        with world.in_turn():
            source, model, corpus, decoder, loader = _prepare_evaluation(parsed, world)
        world.check_alike(lambda: {"clips": digest_of_clips(corpus.test)})
        config = parsed.config
        options = EvaluationOptions(
            config.data, config.evaluation, config.output, str(source.path), show, world
        )
        return evaluate_sets(model, corpus.test, loader, decoder, options)


def _prepare_evaluation(
    parsed: Parsed[EvaluateConfig], world: World
) -> tuple[SourceModel, AcousticModel, Corpus, BeamSearchDecoder, BatchLoader]:
    config = parsed.config
    data = replace(config.data, test_files=tuple(expand_file_list(config.data.test_files)))
    source, alphabet = load_for_inference(config.source, config.alphabet)
    decoder = BeamSearchDecoder(alphabet, config.decoder, parsed.given)
    features = choose_features(config.features, source, parsed.given)
    skip = config.data.on_bad_row == "skip"
    corpus = check_corpus(
        CorpusRules(
            alphabet,
            features,
            output_length=source.specification.output_length,
            any_sample_rate=config.features.normalize_sample_rate,
            normalize_transcripts=source.normalizes_transcripts(data.normalize_transcripts),
        ),
        test=data.test_files,
        on_bad_row="skip" if skip else "fail",
        skipped_rows_path=Path.cwd() / "skipped_rows.csv" if skip and world.is_first else None,
        overwrite_skipped_rows=False,
        show_progressbar=config.output.show_progressbar and world.is_first,
        alphabet_advice=alphabet_advice(source),
    )
    model = build_model(source, prepare_machine(config.machine, world.device))
    if config.output.log_placement:
        log_placement(model)
    loader = BatchLoader(FeatureStore(features), alphabet)
    return source, model, corpus, decoder, loader


@torch.inference_mode()
def run_inference(parsed: Parsed[InferenceConfig]) -> int:
    """Print the transcript of `--one_shot_infer`; return the exit status.

    Raises:
        UserError: no checkpoint, unreadable audio, ...
    """
    config = parsed.config
    source, alphabet = load_for_inference(config.source, config.alphabet)
    decoder = BeamSearchDecoder(alphabet, config.decoder, parsed.given)
    features = choose_features(config.features, source, parsed.given)
    file = config.inference.one_shot_infer
    rate_hz = read_sample_rate(file)
    if rate_hz != features.sample_rate_hz and not config.features.normalize_sample_rate:
        raise AudioError(
            f"{file} has {rate_hz} Hz, the model {features.sample_rate_hz} Hz; remove "
            "--normalize_sample_rate false to resample"
        )
    samples = read_audio(file, features.sample_rate_hz)
    model = build_model(source, prepare_machine(config.machine))
    print_now(transcribe(model, samples_to_features(samples, features), decoder))
    return 0


def alphabet_advice(source: SourceModel) -> str:
    """Return a remedy for transcripts that a model cannot write."""
    return (
        f"The alphabet is that of {source.path}. To evaluate text in another alphabet, first "
        "train a model on it: see --drop_source_layers of train"
    )


def samples_to_features(samples: NDArray[np.float32], front_end: FrontEnd) -> torch.Tensor:
    """Return the features of audio `[samples]` as a batch of one clip, `[1, frames, values]`."""
    return torch.from_numpy(front_end.extractor(np)(samples))[None]


def transcribe(model: AcousticModel, features: torch.Tensor, decoder: Decoder) -> str:
    """Return the transcript of one clip's features `[1, frames, values]`."""
    frames = features.shape[1]
    if frames == 0:
        return ""
    device = next(model.parameters()).device
    emissions = model(features.to(device), torch.tensor([frames]))
    return decoder(emissions.posteriors(), emissions.lengths.tolist())[0]


def load_for_inference(
    source_flags: SourceFlags, flags: AlphabetFlags
) -> tuple[SourceModel, Alphabet]:
    """Read the checkpoint that the flags name, and its alphabet.

    Raises:
        FlagError: no checkpoint was named.
        BootstrapError: the alphabet does not fit the checkpoint.
    """
    location = source_flags.load_dir
    if source_flags.overruled():
        _log.warning(source_flags.overruled())
    if not location:
        raise FlagError("no checkpoint; give --checkpoint_dir or --load_checkpoint_dir")
    which = source_flags.load_evaluate
    source = load_source(
        location, "best" if which == "best" else "last" if which == "last" else "auto"
    )
    log_loading(source)
    for note in source.notes:
        _log.info(note)
    alphabet = source.alphabet
    if given := given_alphabet(flags):
        if alphabet is not None and given != alphabet:
            raise BootstrapError(
                f"the given alphabet differs from that of {source.path}, and a checkpoint can "
                "only be evaluated with its own: leave out --alphabet_config_path and "
                "--bytes_output_mode"
            )
        alphabet = given
    classes = source.specification.n_classes
    if not source.has_output:
        raise BootstrapError(
            f"{source.path} is an encoder without an output layer, which writes nothing yet; train "
            "one first: python -m coqui_stt_training.train --load_checkpoint_dir "
            f"{location} --save_checkpoint_dir DIR --train_files train.csv --dev_files dev.csv"
        )
    if alphabet is None or alphabet.size + 1 != classes:
        raise BootstrapError(
            f"{source.path} has {classes} classes; give its alphabet file of "
            f"{counted(classes - 1, 'label')} with --alphabet_config_path"
        )
    return source, alphabet


@dataclass(frozen=True)
class EvaluationOptions:
    """How sets are evaluated, and where the results go.

    Attributes:
        data: flags that limit and order the clips.
        evaluation: flags about batches and reports.
        output: flags about progress bars.
        model_name: name of the model in reports.
        show: called with the reports for people.
        world: processes that share the batches.
    """

    data: DataFlags | TestDataFlags
    evaluation: EvaluationFlags
    output: LogFlags
    model_name: str
    show: Callable[[str], object]
    world: World


def evaluate_sets(
    model: AcousticModel,
    sets: Sequence[ClipSet],
    loader: BatchLoader,
    decoder: BeamSearchDecoder,
    options: EvaluationOptions,
) -> list[EvaluationResult]:
    """Evaluate sets one by one, show a report of each, and write `--test_output_file` and
    `--report`.

    If there are several processes, each evaluates its share, all return all results, and the first
    one shows and writes them.
    """
    data, flags, world = options.data, options.evaluation, options.world
    everything, scored = [], {}
    show_bars = options.output.show_progressbar and world.is_first
    for clips in sets:
        batches = make_batches(
            clips.clips, flags.test_batch_size, reverse=data.reverse_test, limit=data.limit_test
        )
        found = transcribe_batches(
            model,
            world.share(batches),
            loader,
            decoder,
            bar=lambda title, count: ProgressBar(title, count, show_bars),
            with_confidences=bool(flags.report),
        )
        scored[clips.path] = [one for batch in world.merge(list(found)) for one in batch]
        results = [one.sample for one in scored[clips.path]]
        if world.is_first:
            caveat = caveat_of(results)
            by_characters = loader.alphabet.is_bytes or bool(caveat)
            options.show(
                format_report(
                    results,
                    clips.path,
                    report_count=flags.report_count,
                    sort_by="cer" if by_characters else "wer",
                )
            )
            if caveat:
                _log.info("%s: %s", clips.path, caveat)
        everything.append(EvaluationResult.of(clips.path, results))
    if not world.is_first:
        return everything
    if flags.test_output_file:
        samples = [sample for result in everything for sample in result.samples]
        save_samples_json(samples, Path(flags.test_output_file))
        _log.info("Wrote %s to %s", counted(len(samples), "sample"), flags.test_output_file)
    if flags.report:
        report_evaluation(flags, options.model_name, model, loader, scored)
    return everything
