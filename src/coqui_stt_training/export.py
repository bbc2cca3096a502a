"""Write a checkpoint as a model to deploy: `python -m coqui_stt_training.export --help`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from coqui_stt_ctcdecoder.alphabet import Alphabet, UTF8Alphabet

from . import command
from .config import TrainConfig
from .errors import FlagError
from .exporting.config import CardFlags, ExportConfig, ExportFlags
from .flags import Parsed, parse

if TYPE_CHECKING:
    from .checkpoints.source import SourceModel
    from .exporting.deployment import Deployment
    from .exporting.model_card import ModelCard
    from .exporting.pipeline import Exported, ExportPlan, Probe
    from .features import FeatureConfig

_log = logging.getLogger(__name__)

_EPILOG = """
examples:
  the model for all Coqui STT clients, 8-bit, compared with the checkpoint on a test set
    python -m coqui_stt_training.export --checkpoint_dir ckpt --export_dir exported \\
        --test_files test.csv
  for servers and GPUs, in float
    python -m coqui_stt_training.export --checkpoint_dir ckpt --export_dir exported \\
        --export_tflite false --export_onnx true --export_quantize false
  packed with its scorer: exported/uk.zip
    python -m coqui_stt_training.export --checkpoint_dir ckpt --export_dir exported/uk \\
        --export_zip true --scorer_path kenlm.scorer --export_language uk-Cyrl-UA
"""
_NOISE_SEED = 0


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parsed = parse(
        ExportConfig,
        argv,
        program="python -m coqui_stt_training.export",
        description="Write a checkpoint as .tflite and .onnx models, with a model card.",
        epilog=_EPILOG,
        tolerated=TrainConfig,
    )
    command.start_logging(parsed.config.output.log_level)
    for notice in parsed.notices:
        _log.warning(notice)
    if not parsed.config.export.export_dir:
        raise FlagError("no folder to export to; give --export_dir")
    if not parsed.config.checkpoints.load_dir:
        raise FlagError("no model to export; give --checkpoint_dir")
    exported = _export(parsed)
    for verification in exported.verifications:
        print(f"Verified {verification.describe()}")
    for file in exported.files:
        print(f"Wrote {file}")
    if exported.zip:
        print(f"Exported packaged model {exported.zip}")
    _log.info(
        "Before you publish the model, see that all of its model card is right, and complete the "
        "URLs in it"
    )
    return 0


def _export(parsed: Parsed[ExportConfig]) -> Exported:
    from .checkpoints.loading import Which, load_source
    from .exporting.pipeline import export_model

    config = parsed.config
    source = load_source(config.checkpoints.load_dir, cast(Which, config.checkpoints.load_evaluate))
    _log.info("Exporting %s", source.path)
    for note in source.notes:
        _log.info(note)
    deployment = _deployment(parsed, source)
    plan = _plan(config.export)
    card = _card(config.card, config.export)
    return export_model(deployment, plan, card, _probe(config, deployment))


def _deployment(parsed: Parsed[ExportConfig], source: SourceModel) -> Deployment:
    from .exporting.deployment import Deployment

    config = parsed.config
    return Deployment(
        geometry=source.geometry,
        tensors=source.tensors,
        alphabet=_alphabet(config, source),
        features=_features(parsed, source),
        n_steps=config.export.n_steps,
        beam_width=config.export.export_beam_width,
        language=config.card.language_tag,
    )


def _alphabet(config: ExportConfig, source: SourceModel) -> Alphabet:
    if config.alphabet.bytes_output_mode:
        return UTF8Alphabet()
    if config.alphabet.alphabet_config_path:
        return Alphabet(config.alphabet.alphabet_config_path)
    if source.alphabet:
        return source.alphabet
    raise FlagError(
        f"{source.path} does not say which alphabet it was trained with; give "
        "--alphabet_config_path, or --bytes_output_mode true"
    )


def _features(parsed: Parsed[ExportConfig], source: SourceModel) -> FeatureConfig:
    """What the checkpoint was trained on; flags count where it does not say."""
    asked = parsed.config.features.to_config()
    if source.features is None or source.features == asked:
        return asked
    flags = ("audio_sample_rate", "feature_win_len", "feature_win_step")
    given = [f"--{name}" for name in flags if name in parsed.given]
    if given:
        raise FlagError(
            f"{', '.join(given)}: the checkpoint was trained on {source.features.sample_rate_hz} "
            f"Hz, frames of {source.features.window_milliseconds} ms every "
            f"{source.features.step_milliseconds} ms, and a model hears nothing else; leave the "
            "flags out"
        )
    return source.features


def _plan(flags: ExportFlags) -> ExportPlan:
    from .exporting.model_card import check_file_name
    from .exporting.pipeline import ExportPlan

    check_file_name("--export_file_name", flags.export_file_name)
    return ExportPlan(
        folder=Path(flags.export_dir),
        file_name=flags.export_file_name,
        tflite=flags.export_tflite,
        onnx=flags.writes_onnx,
        quantize=flags.export_quantize,
        scorer=Path(flags.scorer_path) if flags.scorer_path else None,
        zip=flags.export_zip,
        remove_old=flags.remove_export,
    )


def _card(flags: CardFlags, export: ExportFlags) -> ModelCard:
    from .exporting.model_card import ModelCard

    runtimes = [
        name for name, on in (("tflite", export.export_tflite), ("onnx", export.writes_onnx)) if on
    ]
    return ModelCard(
        author=flags.export_author_id,
        model_name=flags.export_model_name,
        model_version=flags.export_model_version,
        contact_info=flags.export_contact_info,
        license=flags.export_license,
        language=flags.export_language,
        runtime=", ".join(runtimes),
        min_stt_version=flags.export_min_stt_version,
        max_stt_version=flags.export_max_stt_version,
        description=flags.export_description,
    )


def _probe(config: ExportConfig, deployment: Deployment) -> Probe:
    from .corpus import check_corpus
    from .exporting.pipeline import Probe
    from .exporting.verification import noise_clips, read_probe_clips

    if not config.data.test_files:
        _log.info("No --test_files: comparing on noise; speech would show the WER as well")
        return Probe(noise_clips(deployment.features, _NOISE_SEED), noise=True)
    corpus = check_corpus(
        test=config.data.test_files,
        alphabet=deployment.alphabet,
        features=deployment.features,
        on_bad_row=cast(Literal["fail", "skip"], config.data.on_bad_row),
        show_progressbar=config.output.show_progressbar,
    )
    clips = [clip for clip_set in corpus.test for clip in clip_set.clips]
    wanted = config.export.export_verify_clips or len(clips)
    if len(clips) > wanted:
        clips = [clips[index * len(clips) // wanted] for index in range(wanted)]
    return Probe(read_probe_clips(clips, deployment.features), noise=False)


if __name__ == "__main__":
    raise SystemExit(command.run(main))
