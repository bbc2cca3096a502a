"""The flags of `export` and `evaluate_export`. Names and defaults are upstream's."""

from __future__ import annotations

from dataclasses import dataclass

from stt.cores import available_cores

from .config import AlphabetFlags, LogFlags, SourceFlags
from .data_flags import normalize_transcripts_flag
from .feature_flags import AudioFlags
from .flags import flag, not_negative, positive
from .report_flags import ReportFlags


def _to_fill_in(what: str) -> str:
    return f"<{what}>"


_CONTACT = (
    "public contact information of the author. Can be an email address, or a link to a contact "
    "form, issue tracker, or discussion forum. Must provide a way to reach the model authors"
)
_LICENSE = (
    "SPDX identifier of the license of the exported model. See https://spdx.org/licenses/. If the "
    "license does not have an SPDX identifier, use the license name."
)
_LANGUAGE = (
    "language the model was trained on - IETF BCP 47 language tag including at least language, "
    'script and region subtags. E.g. "en-Latn-UK" or "de-Latn-DE" or "cmn-Hans-CN". Include as '
    "much info as you can without loss of precision. For example, if a model is trained on "
    'Scottish English, include the variant subtag: "en-Latn-GB-Scotland".'
)
_MIN_VERSION = (
    "minimum Coqui STT version (inclusive) the exported model is compatible with; if not given: "
    "1.4.0, or this release where there is no .tflite"
)
_MAX_VERSION = (
    "maximum Coqui STT version (inclusive) the exported model is compatible with; if not given: "
    "this release"
)
_DESCRIPTION = (
    "Freeform description of the model being exported. Markdown accepted. You can also leave this "
    "flag unchanged and edit the generated .md file directly. Useful things to describe are "
    "demographic and acoustic characteristics of the data used to train the model, any "
    "architectural changes, names of public datasets that were used when applicable, "
    "hyperparameters used for training, evaluation results on standard benchmark datasets, etc."
)


@dataclass(frozen=True)
class ExportFlags:
    """Export."""

    export_dir: str = flag("", "output folder")
    export_tflite: bool = flag(
        True,
        "write a .tflite model, for devices and all of Coqui's clients; false: write .onnx "
        "instead (upstream wrote a TensorFlow graph). Encoders are always written as .onnx",
    )
    export_onnx: bool = flag(
        False,
        (
            "write .onnx models (streaming and batch) and their feature extraction, for servers "
            "and GPUs"
        ),
    )
    export_quantize: bool = flag(
        True, "store weight matrices as 8-bit integers: a quarter of the size, and faster on CPUs"
    )
    export_float16: bool = flag(
        False, "store the weight matrices of an encoder as 16-bit floats: half the size"
    )
    n_steps: int = flag(
        16,
        "frames that a streaming model processes at once; more is faster but adds latency",
        check=positive,
    )
    export_beam_width: int = flag(500, "default beam width stored in the model", check=positive)
    export_file_name: str = flag("output_graph", "name of the model files, without extension")
    export_zip: bool = flag(
        False, "also pack the exported files and the scorer into a .zip beside --export_dir"
    )
    scorer_path: str = flag(
        "", "scorer to copy beside the model and into the .zip", aliases=("scorer",)
    )
    remove_export: bool = flag(
        False, "first delete the models, scorers and model cards in --export_dir"
    )
    export_savedmodel: bool = flag(
        False, "", replacement="--export_onnx writes a batch model instead"
    )
    export_batch_size: int = flag(
        1, "", replacement="the batch model of --export_onnx accepts any batch size"
    )

    @property
    def writes_onnx(self) -> bool:
        """Whether to write `.onnx` files.

        Upstream's `--export_tflite false` asked for a TensorFlow graph, for servers.
        """
        return self.export_onnx or self.export_savedmodel or not self.export_tflite


@dataclass(frozen=True)
class VerificationFlags:
    """Verification."""

    test_files: tuple[str, ...] = flag(
        [],
        "CSV files of clips on which to compare the exported model with the checkpoint; without "
        "them, noise is used",
    )
    export_verify_clips: int = flag(
        50, "number of clips of --test_files to use, evenly spread; 0: all", check=not_negative
    )
    on_bad_row: str = flag(
        "fail", "what to do with rows of --test_files that cannot be used", choices=("fail", "skip")
    )
    normalize_transcripts: str = normalize_transcripts_flag("as the model was trained")
    normalize_sample_rate: bool = flag(
        True, "resample audio that has another sample rate; false: report such clips as bad rows"
    )


@dataclass(frozen=True)
class CardFlags:
    """Model card."""

    export_author_id: str = flag(
        "author",
        "author of the exported model. GitHub user or organization name used to uniquely identify "
        "the author of this model",
    )
    export_model_name: str = flag(
        "model", "name of the exported model. Must not contain forward slashes."
    )
    export_model_version: str = flag(
        "0.0.1",
        "semantic version of the exported model. See https://semver.org/. This is fully controlled "
        "by you as author of the model and has no required connection with Coqui STT versions",
    )
    export_contact_info: str = flag(_to_fill_in(_CONTACT), _CONTACT)
    export_license: str = flag(_to_fill_in(_LICENSE), _LICENSE)
    export_language: str = flag(_to_fill_in(_LANGUAGE), _LANGUAGE)
    export_min_stt_version: str = flag("", _MIN_VERSION)
    export_max_stt_version: str = flag("", _MAX_VERSION)
    export_description: str = flag(_to_fill_in(_DESCRIPTION), _DESCRIPTION)

    @property
    def language_tag(self) -> str:
        """The language to store in the model; empty if the flag still has its placeholder."""
        return "" if self.export_language == _to_fill_in(_LANGUAGE) else self.export_language


@dataclass(frozen=True)
class ExportConfig:
    """All flags of `export`; those of `train` are accepted too."""

    source: SourceFlags = SourceFlags()
    export: ExportFlags = ExportFlags()
    verification: VerificationFlags = VerificationFlags()
    card: CardFlags = CardFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: AudioFlags = AudioFlags()
    output: LogFlags = LogFlags()


@dataclass(frozen=True)
class EvaluateExportFlags(ReportFlags):
    """Evaluation of an exported model."""

    model: str = flag("", "the exported model: a .tflite or .onnx file")
    csv: tuple[str, ...] = flag([], "CSV files with the columns wav_filename and transcript")
    normalize_transcripts: str = normalize_transcripts_flag(
        "false, with a warning if that matters, because a model file does not tell"
    )
    scorer: str = flag("", "external scorer (language model)", aliases=("scorer_path",))
    proc: int = flag(available_cores(), "clips to transcribe in parallel", check=positive)
    dump: str = flag(
        "", "write `FILE.txt` with the references and `FILE.out` with the transcripts, line by line"
    )
    beam_width: int = flag(0, "beam width of the decoder; 0: the model's own", check=not_negative)
    lm_alpha: float = flag(-1.0, "weight of the language model; -1: the scorer's own")
    lm_beta: float = flag(-1.0, "bonus for each word; -1: the scorer's own")
    report_count: int = flag(
        5, "number of best, median and worst samples to print", check=not_negative
    )
    test_output_file: str = flag(
        "", "JSON file to write with all samples, their transcripts and errors"
    )


@dataclass(frozen=True)
class EvaluateExportConfig:
    """All flags of `evaluate_export`."""

    evaluation: EvaluateExportFlags = EvaluateExportFlags()
    output: LogFlags = LogFlags()
