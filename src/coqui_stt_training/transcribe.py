"""`python -m coqui_stt_training.transcribe`: recordings of any length to transcription logs.

A recording is read in blocks and cut at pauses. Its segments are transcribed in parallel on all
cores, or in batches on a GPU. The log (`.tlog`, JSON) has upstream's format: a list of
`{"start": milliseconds, "end": milliseconds, "transcript": text}`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cli.cluster_flags import ClusterFlags
from .cli.command import command, start_logging
from .cli.config import AlphabetFlags, LogFlags, ScorerFlags, SourceFlags
from .cli.data_flags import Names, vad_aggressiveness_flag
from .cli.feature_flags import FeatureFlags
from .cli.flags import flag, parse, positive
from .cli.shared_flags import SHARED
from .errors import FlagError


@dataclass(frozen=True)
class TranscribeFlags:
    """Transcription."""

    src: str = flag(
        "",
        "what to transcribe: an audio file, a folder of them, the URL of either "
        "(s3://bucket/folder), or a catalog (.catalog, as written by DSAlign)",
    )
    dst: str = flag(
        "",
        "output: a .tlog file, or a folder or its URL, which gets the same subfolders as --src "
        "(default: logs beside the audio files)",
    )
    recursive: bool = flag(False, "also search subfolders for audio files")
    force: bool = flag(False, "transcribe files again that have a log, and overwrite it")
    vad_aggressiveness: int = vad_aggressiveness_flag()
    batch_size: int = flag(40, "segments to transcribe in parallel", check=positive)
    outlier_duration_ms: int = flag(
        10000, "length in milliseconds above which a segment is an outlier", check=positive
    )
    outlier_batch_size: int = flag(1, "outliers to transcribe in parallel", check=positive)
    model: str = flag("", "exported model (.tflite or .onnx) to use instead of a checkpoint")
    subtitles: Names = flag(
        [], "write subtitles beside each log, also for existing logs: srt, vtt, txt, tsv"
    )
    word_times: bool = flag(
        False, "add the words, with times in seconds and confidences, to each entry of the log"
    )

    def __post_init__(self) -> None:
        unknown = set(self.subtitles) - {"srt", "vtt", "txt", "tsv"}
        if unknown:
            raise FlagError(
                f"--subtitles {' '.join(sorted(unknown))}: must be among srt, vtt, txt, tsv"
            )


@dataclass(frozen=True)
class TranscribeConfig:
    """All flags of `transcribe`; those of `train` are accepted too."""

    transcription: TranscribeFlags = TranscribeFlags()
    source: SourceFlags = SourceFlags()
    alphabet: AlphabetFlags = AlphabetFlags()
    features: FeatureFlags = FeatureFlags()
    decoder: ScorerFlags = ScorerFlags()
    cluster: ClusterFlags = ClusterFlags()
    output: LogFlags = LogFlags()


_EPILOG = """examples:
  python -m coqui_stt_training.transcribe --checkpoint_dir ckpt --src interview.wav
  python -m coqui_stt_training.transcribe --model model.tflite --scorer_path kenlm.scorer \\
      --src recordings --recursive true --subtitles srt
  python -m coqui_stt_training.transcribe --model model.tflite --cluster auto \\
      --src s3://bucket/recordings --recursive true --dst s3://bucket/logs
"""


@command
def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parsed = parse(
        TranscribeConfig,
        argv,
        program="python -m coqui_stt_training.transcribe",
        description="Transcribe recordings of any length.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)

    from .transcribing.run import run_transcription  # NumPy is slow to import

    run_transcription(config, parsed.given)
    return 0


if __name__ == "__main__":
    main()
