"""Export of a checkpoint: write the files, verify them, and move them into a folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stt.extras import missing_packages

from ..errors import ExportError
from .deployment import Deployment
from .encoder.deployment import EncoderDeployment, Precision
from .model_card import ModelCard
from .package import copy_scorer, move_into, remove_exports, staging_folder, write_zip
from .verification import (
    Posteriors,
    ProbeClip,
    Verification,
    batch_posteriors,
    checkpoint_posteriors,
    compare,
    exported_posteriors,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportPlan:
    """The files to write.

    Attributes:
        folder: export folder.
        file_name: file name of the models, without suffix.
        tflite: whether to write the `.tflite` model.
        onnx: whether to write the `.onnx` models.
        quantize: whether to store matrices as int8.
        float16: whether to store the matrices of an encoder as float16 instead.
        scorer: scorer to copy into the folder; None: no scorer.
        zip: whether to pack all files into a zip beside the folder.
        remove_old: whether to remove earlier exports from the folder.
    """

    folder: Path
    file_name: str = "output_graph"
    tflite: bool = True
    onnx: bool = False
    quantize: bool = True
    float16: bool = False
    scorer: Path | None = None
    zip: bool = False
    remove_old: bool = False

    @property
    def precision(self) -> Precision:
        """The type in which matrices are stored."""
        return "float16" if self.float16 else "int8" if self.quantize else "float32"


@dataclass(frozen=True)
class Exported:
    """The files of an export, and the verification of each model."""

    files: tuple[Path, ...]
    verifications: tuple[Verification, ...]
    zip: Path | None = None


@dataclass(frozen=True)
class Probe:
    """Clips to verify on; `noise` is true if they are not speech."""

    clips: Sequence[ProbeClip]
    noise: bool


def export_model(
    deployment: Deployment | EncoderDeployment, plan: ExportPlan, card: ModelCard, probe: Probe
) -> Exported:
    """Write a model and its card. Files appear in the folder only after all are verified.

    Raises:
        ExportError: the model cannot be exported, an exported file differs from the checkpoint, or
            a library to write it with is missing.
        FlagError: the folder cannot be written to, the scorer cannot be read, or the card's fields
            cannot be part of a file name.
    """
    card_name = card.file_name
    with staging_folder(plan.folder) as staging:
        files = _write_models(deployment, plan, staging)
        expected = checkpoint_posteriors(deployment, probe.clips)
        verifications = []
        for file, posteriors_of in files.items():
            if posteriors_of is None:
                continue
            exact = plan.precision == "float32"
            found = posteriors_of(file, probe.clips)
            verifications.append(
                compare(file, deployment, probe.clips, expected, found, exact=exact)
            )
        card_file = staging / card_name
        card_file.write_text(card.render(verifications, probe.noise), encoding="utf-8")
        staged = [*files, card_file]
        if plan.scorer:
            staged.append(copy_scorer(plan.scorer, staging))
        written = move_into(staged, plan.folder)
    if plan.remove_old:  # only now, so that the folder always contains a model
        for removed in remove_exports(plan.folder, written):
            _log.info("Removed old export %s", removed)
    archive = write_zip(written, plan.folder) if plan.zip else None
    return Exported(tuple(written), tuple(verifications), archive)


PosteriorsOf = Callable[[Path, Sequence[ProbeClip]], list[Posteriors]]


def _write_models(
    deployment: Deployment | EncoderDeployment, plan: ExportPlan, staging: Path
) -> dict[Path, PosteriorsOf | None]:
    """Write the models; return how to compute posteriors with each, None for the features graph."""
    files: dict[Path, PosteriorsOf | None] = {}
    try:
        if isinstance(deployment, EncoderDeployment):
            from .encoder.onnx_writer import encoder_model

            path = staging / f"{plan.file_name}.onnx"
            model = encoder_model(deployment, plan.precision)
            path.write_bytes(model.SerializeToString(deterministic=True))
            return {path: exported_posteriors}
        if plan.tflite:
            from .deepspeech.tflite_writer import tflite_model

            path = staging / f"{plan.file_name}.tflite"
            path.write_bytes(tflite_model(deployment, plan.quantize))
            files[path] = exported_posteriors
        if plan.onnx:
            files |= _write_onnx(deployment, plan, staging)
    except ImportError as error:
        package = (error.name or "").split(".")[0]
        raise ExportError(missing_packages(package, "export")) from None
    return files


def _write_onnx(
    deployment: Deployment, plan: ExportPlan, staging: Path
) -> dict[Path, PosteriorsOf | None]:
    from .deepspeech.onnx_writer import batch_model, features_model, quantize, streaming_model

    streaming, batch = streaming_model(deployment), batch_model(deployment)
    if plan.quantize:
        streaming, batch = quantize(streaming), quantize(batch)
    files: dict[Path, PosteriorsOf | None] = {}
    for suffix, model, posteriors_of in (
        ("onnx", streaming, exported_posteriors),
        ("batch.onnx", batch, batch_posteriors),
        ("features.onnx", features_model(deployment.features), None),
    ):
        path = staging / f"{plan.file_name}.{suffix}"
        path.write_bytes(model.SerializeToString(deterministic=True))
        files[path] = posteriors_of
    return files
