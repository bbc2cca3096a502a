"""Serve a web page on which people transcribe recordings, to make a data set.

stt label recordings --model model.tflite --out data.csv
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_file

from .cli.command import command, start_logging, words_before_flags
from .cli.config import LogLevelFlags, ScorerFlags
from .cli.data_flags import Names
from .cli.flags import at_most, flag, parse
from .errors import FlagError

PROGRAM = "stt label"
_EPILOG = """examples:
  stt label recordings --model model.tflite --out data.csv
  stt label interview.mp3 lecture.m4a --out data.csv
  stt label to-check.csv --model my-model --out data.csv

Recordings come before the flags: folders, audio files, text files with one file name per line, CSV
files with a column wav_filename, or other collections of clips. The page needs
pip install '.[server]'.
"""


@dataclass(frozen=True)
class DeskFlags:
    """Transcribing."""

    out: str = flag(
        "",
        "CSV file to write, for --train_files; an existing one is continued. Clips cut from "
        "recordings are saved in a folder beside it",
    )
    model: str = flag(
        "",
        "model for drafts to correct: .tflite, .onnx, or a checkpoint folder. Without one, people "
        "type from scratch",
    )
    alphabet_config_path: str = flag(
        "", "alphabet file; characters outside of it are marked (default: the model's alphabet)"
    )
    normalize_transcripts: bool = flag(
        False,
        "adapt saved transcripts to the alphabet (lower case, no punctuation, ...); false: save "
        "them as typed",
    )
    clip_seconds: int = flag(
        15, "maximum clip length in seconds; longer recordings are cut at pauses",
        check=at_most(60, least=3),
    )  # fmt: skip


@dataclass(frozen=True)
class AddressFlags:
    """The server."""

    host: str = flag("127.0.0.1", "address to listen on; 0.0.0.0: all networks of this machine")
    port: int = flag(8001, "port to listen on; 0: any free port", check=at_most(65535, least=0))
    allowed_hosts: Names = flag(
        [],
        "host names that browsers may use for this server, besides --host and localhost; "
        "*.example.com: all subdomains",
    )
    token: str = flag(
        "",
        "access token for the page (default: none if only this machine can reach it, otherwise a "
        "random one). Other users of this machine can see it on the command line, but not in "
        "--token_file or in the environment variable STT_TOKEN",
    )
    token_file: str = flag("", "file that contains the token")
    ssl_certfile: str = flag("", "certificate for HTTPS")
    ssl_keyfile: str = flag("", "private key of the certificate")


@dataclass(frozen=True)
class DeskConfig:
    """All flags of `label`."""

    desk: DeskFlags = DeskFlags()
    decoder: ScorerFlags = ScorerFlags()
    address: AddressFlags = AddressFlags()
    output: LogLevelFlags = LogLevelFlags()


@command
def main(argv: list[str]) -> int:
    """Serve the page until Ctrl-C, and return the exit status.

    Raises:
        UserError: there is nothing to transcribe, the file cannot be written, the model cannot be
            read, or the address cannot be used.
    """
    inputs, flags = words_before_flags(argv)
    parsed = parse(
        DeskConfig,
        flags,
        program=f"{PROGRAM} RECORDINGS ...",
        description=(
            "Serve a web page to listen to recordings and correct drafts of their transcripts; "
            "each clip is saved at once to a CSV file for --train_files."
        ),
        epilog=_EPILOG,
    )
    desk = parsed.config.desk
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not inputs:
        raise FlagError(
            f"no recordings: {PROGRAM} FOLDER --out data.csv; recordings come before the flags"
        )
    if not desk.out:
        raise FlagError("no output file; give --out data.csv")
    if not desk.out.endswith(".csv"):
        raise FlagError(f"--out {desk.out}: must end in .csv")
    check_output_file("--out", desk.out)
    if desk.normalize_transcripts and not (desk.model or desk.alphabet_config_path):
        raise FlagError("--normalize_transcripts needs an alphabet; give --alphabet_config_path")

    from .labelling.run import serve_desk  # NumPy is slow to import

    serve_desk(inputs, parsed.config, parsed.given)
    return 0


if __name__ == "__main__":
    main()
