"""The export command: read its flags, write the files, and print a summary."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import stt
from coqui_stt_ctcdecoder import Scorer
from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.frontends.mfcc_config import FeatureConfig

from ..bootstrapping.alphabets import given_alphabet
from ..checkpoints.loading import load_source
from ..checkpoints.source import SourceModel
from ..checkpoints.state_file import Which
from ..cli.export_flags import CardFlags, ExportConfig, ExportFlags
from ..cli.flags import Parsed
from ..corpus import CorpusRules, check_corpus
from ..errors import ExportError, FlagError
from ..models.deepspeech.geometry import Geometry
from ..models.encoder import EncoderSpecification
from .deployment import Deployment
from .encoder.deployment import EncoderDeployment
from .facts import describe_model
from .model_card import ModelCard, check_file_name
from .pipeline import Exported, ExportPlan, Probe, export_model
from .verification import noise_clips, read_probe_clips

_log = logging.getLogger(__name__)
_NOISE_SEED = 0
_RELEASE = stt.version().partition(".dev")[0]  # version of this release


def run_export(parsed: Parsed[ExportConfig], show: Callable[[str], object] = print) -> Exported:
    """Export a checkpoint.

    Args:
        parsed: parsed flags.
        show: called with a line for each file that was verified or written.

    Raises:
        UserError: the checkpoint cannot be read, an exported file differs from it, ...
    """
    config = parsed.config
    plan, card = _plan(config.export), _card(config.card, config.export)
    _check_names(plan, card)
    source = load_source(config.source.load_dir, cast(Which, config.source.load_evaluate))
    if isinstance(source.specification, EncoderSpecification):
        plan, card = _plan_of_encoder(parsed, source, plan), replace(card, runtime="onnx")
    elif plan.float16:
        raise FlagError(
            f"--export_float16: {source.path} is a DeepSpeech model, which can be exported in "
            "int8 or float32; leave the flag out, or give --export_quantize false"
        )
    elif not plan.tflite and not {"export_onnx", "export_savedmodel"} & parsed.given:
        _log.info(
            "--export_tflite false: writing .onnx models instead of TensorFlow graphs, which are "
            "not supported"
        )
    _log.info("Exporting %s", source.path)
    for note in source.notes:
        _log.info(note)
    deployment = _deployment(parsed, source)
    if plan.scorer:
        # Raises an error if the scorer is for another alphabet.
        Scorer(scorer_path=plan.scorer, alphabet=deployment.alphabet)
    card = replace(card, facts=describe_model(source, deployment))
    exported = export_model(deployment, plan, card, _probe(config, deployment, source))
    for verification in exported.verifications:
        show(f"Verified {verification.describe()}")
    for file in exported.files:
        show(f"Wrote {file}")
    if exported.zip:
        show(f"Exported packaged model {exported.zip}")
    _log.info(
        "Before you publish the model, fill in the parts in <...> of its model card: %s",
        next(str(file) for file in exported.files if file.suffix == ".md"),
    )
    return exported


def _check_names(plan: ExportPlan, card: ModelCard) -> None:
    """Check file names and the scorer's path before anything is computed.

    Raises:
        FlagError: a name cannot be part of a file name, or the scorer is missing.
    """
    check_file_name("--export_file_name", plan.file_name)
    _ = card.file_name
    if plan.scorer and not plan.scorer.is_file():
        raise FlagError(f"--scorer_path {plan.scorer}: no such file")


def _plan(flags: ExportFlags) -> ExportPlan:
    return ExportPlan(
        folder=Path(flags.export_dir),
        file_name=flags.export_file_name,
        tflite=flags.export_tflite,
        onnx=flags.writes_onnx,
        quantize=flags.export_quantize,
        float16=flags.export_float16,
        scorer=Path(flags.scorer_path) if flags.scorer_path else None,
        zip=flags.export_zip,
        remove_old=flags.remove_export,
    )


def _card(flags: CardFlags, export: ExportFlags) -> ModelCard:
    written = {"tflite": export.export_tflite, "onnx": export.writes_onnx}
    return ModelCard(
        author=flags.export_author_id,
        model_name=flags.export_model_name,
        model_version=flags.export_model_version,
        contact_info=flags.export_contact_info,
        license=flags.export_license,
        language=flags.export_language,
        runtime=", ".join(name for name in written if written[name]),
        min_stt_version=flags.export_min_stt_version
        or ("1.4.0" if export.export_tflite else _RELEASE),
        max_stt_version=flags.export_max_stt_version or _RELEASE,
        description=flags.export_description,
    )


def _plan_of_encoder(
    parsed: Parsed[ExportConfig], source: SourceModel, plan: ExportPlan
) -> ExportPlan:
    """Return the plan for an encoder, which writes only an `.onnx` file.

    Raises:
        ExportError: a `.tflite` file was requested.
        FlagError: the flags contradict each other.
    """
    architecture = source.specification.architecture
    if plan.tflite and "export_tflite" in parsed.given:
        raise ExportError(
            f"--export_tflite: {source.path} is a {architecture} model, but Coqui's clients only "
            "run .tflite files of DeepSpeech models; leave the flag out for an .onnx file, which "
            "stt and its server run, or train a DeepSpeech student on transcripts of this model"
        )
    if plan.float16 and plan.quantize and "export_quantize" in parsed.given:
        raise FlagError("--export_float16 and --export_quantize exclude each other; leave one out")
    if plan.tflite:
        _log.info(
            "Writing the %s model as .onnx, because .tflite does not support it", architecture
        )
    return replace(plan, tflite=False, onnx=True)


def _deployment(
    parsed: Parsed[ExportConfig], source: SourceModel
) -> Deployment | EncoderDeployment:
    config, geometry = parsed.config, source.specification
    if isinstance(geometry, EncoderSpecification):
        if not source.has_output:
            raise ExportError(
                f"{source.path} is an encoder without an output layer, which writes nothing yet; "
                "train one first"
            )
        return EncoderDeployment(
            specification=geometry,
            tensors=source.tensors,
            alphabet=_alphabet(config, source),
            beam_width=config.export.export_beam_width,
            language=config.card.language_tag,
        )
    if not isinstance(geometry, Geometry):
        raise ExportError(
            f"{source.path} is a {geometry.architecture} model, which cannot be exported yet; use "
            "the checkpoint with coqui_stt_training.evaluate and training_graph_inference"
        )
    return Deployment(
        geometry=geometry,
        tensors=source.tensors,
        alphabet=_alphabet(config, source),
        features=_features(parsed, source),
        n_steps=config.export.n_steps,
        beam_width=config.export.export_beam_width,
        language=config.card.language_tag,
    )


def _alphabet(config: ExportConfig, source: SourceModel) -> Alphabet:
    given = given_alphabet(config.alphabet)
    if given is not None and source.alphabet is not None and given != source.alphabet:
        raise FlagError(
            f"the given alphabet differs from that of {source.path}, and a model keeps its own; "
            "leave out --alphabet_config_path and --bytes_output_mode"
        )
    alphabet = given or source.alphabet
    if alphabet is None:
        raise FlagError(
            f"{source.path} contains no alphabet; give --alphabet_config_path, or "
            "--bytes_output_mode true"
        )
    return alphabet


def _features(parsed: Parsed[ExportConfig], source: SourceModel) -> FeatureConfig:
    """Return the checkpoint's feature settings, or those of the flags if it has none.

    Raises:
        FlagError: a flag contradicts the checkpoint.
    """
    asked, known = parsed.config.features.to_config(), source.features
    if known == asked or not isinstance(known, FeatureConfig):
        return asked
    flags = ("audio_sample_rate", "feature_win_len", "feature_win_step")
    given = [f"--{name}" for name in flags if name in parsed.given]
    if given:
        raise FlagError(
            f"{', '.join(given)}: the checkpoint was trained on {known.sample_rate_hz} Hz, "
            f"windows of {known.window_milliseconds} ms every {known.step_milliseconds} ms, and "
            "an exported model uses the same; leave the flags out"
        )
    return known


def _probe(
    config: ExportConfig, deployment: Deployment | EncoderDeployment, source: SourceModel
) -> Probe:
    flags = config.verification
    if not flags.test_files:
        _log.info("No --test_files: comparing on noise; with speech, WER would be compared, too")
        return Probe(noise_clips(deployment.features, _NOISE_SEED), noise=True)
    corpus = check_corpus(
        CorpusRules(
            deployment.alphabet,
            deployment.features,
            output_length=source.specification.output_length,
            any_sample_rate=flags.normalize_sample_rate,
            normalize_transcripts=source.normalizes_transcripts(flags.normalize_transcripts),
        ),
        test=flags.test_files,
        on_bad_row=cast(Literal["fail", "skip"], flags.on_bad_row),
        show_progressbar=config.output.show_progressbar,
    )
    clips = [clip for clip_set in corpus.test for clip in clip_set.clips]
    if not clips:
        raise FlagError(f"--test_files {' '.join(flags.test_files)}: no usable clip")
    wanted = min(flags.export_verify_clips or len(clips), len(clips))
    spread = [clips[index * len(clips) // wanted] for index in range(wanted)]
    return Probe(read_probe_clips(spread, deployment.features), noise=False)
