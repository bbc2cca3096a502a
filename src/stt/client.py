"""The `stt` command: transcribe files, a pipe or a microphone; `stt serve` starts a server."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import Event
from timeit import default_timer as timer
from typing import TYPE_CHECKING, Any, BinaryIO

from coqui_stt_ctcdecoder.errors import UserError

from .audio.folder import audio_files
from .errors import AudioError, FlagError, describe_system_error
from .misspelling import likely_meant
from .model_flags import add_model_flags, load_model, positive
from .terminal import printable, shown_on, write_any_text

if TYPE_CHECKING:
    from .metadata import Metadata
    from .model import Model
    from .words import Word

_SUBTITLES = ("srt", "vtt", "txt", "tsv")
_STDIN = "-"
_COMMANDS = "stt.commands"  # group of entry points; each is a dict of further commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 2 for an error, 130 after Ctrl-C."""
    if arguments is None:
        write_any_text(sys.stdout)
        arguments = sys.argv[1:]
    arguments = list(arguments)
    try:
        if arguments[:1] == ["serve"]:
            from .server.command import serve

            serve(arguments[1:])
        elif arguments and not arguments[0].startswith("-"):
            return _run_other(*arguments)
        else:
            parser = _parser()
            if {"-h", "--help"} & set(arguments):  # looking up the other commands takes time
                others = ", ".join(_other_commands())
                parser.epilog = f"`stt COMMAND` also runs: {others}. Each has its own --help."
            _run(parser.parse_args(arguments))
    except UserError as error:
        print(printable(f"stt: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has closed it
        sys.stderr.close()
        return 0
    except OSError as error:
        print(printable(f"stt: {describe_system_error(error)}"), file=sys.stderr)
        return 2
    return 0


def _run_other(name: str, *flags: str) -> int:
    """Run a command that another package has registered, such as the training package.

    Raises:
        FlagError: there is no command of this name.
    """
    commands = _other_commands()
    if name not in commands:
        meant = likely_meant(name, ["serve", *commands])
        raise FlagError(
            f"unknown command {name}; {f'did you mean {meant}? To' if meant else 'to'} transcribe "
            "give flags alone (see stt --help), else one of "
            f"{', '.join(['serve', *commands])}"
        )
    return commands[name](flags)


def _other_commands() -> dict[str, Callable[[Sequence[str]], int]]:
    """Return all commands of the entry points of the group `stt.commands`, by name."""
    commands: dict[str, Callable[[Sequence[str]], int]] = {}
    for point in metadata.entry_points(group=_COMMANDS):
        commands |= point.load()
    return commands


class _VersionAction(argparse.Action):
    def __call__(self, *_: Any) -> None:
        from . import version

        print("Coqui STT ", version())
        raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stt", description="Transcribe speech. See `stt serve --help` for the server."
    )
    add_model_flags(parser)
    parser.add_argument(
        "--audio",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="audio files of any format and sample rate, or folders of them; -: standard input",
    )
    parser.add_argument(
        "--mic",
        action="store_true",
        help="transcribe from the microphone until Ctrl-C (needs the package sounddevice)",
    )
    parser.add_argument("--version", action=_VersionAction, nargs=0, help="print the version")
    parser.add_argument(
        "--extended", action="store_true", help="print the transcript from extended metadata"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON (UTF-8) with candidate transcripts, and time and confidence of each word",
    )
    parser.add_argument(
        "--candidate_transcripts",
        type=positive,
        default=3,
        metavar="N",
        help="maximum number of candidates that --json prints (default: %(default)s)",
    )
    for name, what in (
        ("srt", "SubRip subtitles"),
        ("vtt", "WebVTT subtitles"),
        ("txt", "plain text, one subtitle per line,"),
        ("tsv", "a table of subtitles with times in milliseconds"),
    ):
        parser.add_argument(
            f"--{name}",
            nargs="?",
            const="",
            metavar="FILE",
            help=f"write {what} to FILE, or print them",
        )
    parser.add_argument(
        "--output_dir",
        type=Path,
        metavar="DIR",
        help="write subtitles to DIR, in files named like their audio",
    )
    return parser


@dataclass(frozen=True)
class _Result:
    name: str
    metadata: Metadata
    audio_seconds: float


def _run(flags: argparse.Namespace) -> None:
    flags.audio = list(_expand(flags.audio))
    _check_outputs(flags)
    _report(f"Loading model from file {flags.model}")
    started = timer()
    model = load_model(flags)
    _report(f"Loaded model in {timer() - started:.3}s.")
    if flags.mic:
        from .microphone import transcribe_microphone

        transcribe_microphone(model)
        return
    failed: list[UserError] = []
    if _asked_subtitles(flags):
        _write_all_subtitles(model, flags, failed)
    else:
        _print_all(model, flags, failed)
    if failed and len(flags.audio) > 1:
        count = len(flags.audio)
        raise UserError(f"{len(failed)} of {count} files could not be transcribed, see above")
    if failed:
        raise failed[0]


def _expand(audio: Sequence[str]) -> Iterator[str]:
    """Yield the names of audio files; a folder is replaced by its audio files, sorted."""
    for name in audio:
        if name == _STDIN or not Path(name).is_dir():
            yield name
            continue
        files = audio_files(Path(name))
        if not files:
            raise FlagError(f"--audio {name}: no audio files in this folder")
        yield from map(str, files)


def _print_json(value: object) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is UTF-8, whatever the terminal's encoding
    print(shown_on(sys.stdout, json.dumps(value, ensure_ascii=False, indent=2)), flush=True)


def _print_all(model: Model, flags: argparse.Namespace, failed: list[UserError]) -> None:
    many = len(flags.audio) > 1
    results = _transcribe_all(model, flags, failed)
    if flags.json and many:
        _print_json([{"audio": r.name, **_json(r.metadata)} for r in results])
    else:
        for result in results:
            _print(result, flags, many)


def _write_all_subtitles(model: Model, flags: argparse.Namespace, failed: list[UserError]) -> None:
    """Transcribe like the command `transcribe`, which cuts audio at pauses, and write subtitles."""
    from .transcriber import BatchLimits, transcribe_recordings

    recordings = transcribe_recordings(
        model, [_source(name) for name in flags.audio], BatchLimits()
    )
    for name, recording in zip(flags.audio, recordings, strict=True):
        if recording.error is None:
            _write_subtitles(name, recording.words, flags)
        else:
            _fail(recording.error, flags, failed)


def _fail(error: UserError, flags: argparse.Namespace, failed: list[UserError]) -> None:
    """Record the error of a file, so that the other files are still transcribed."""
    failed.append(error)
    if len(flags.audio) > 1:
        _report(f"stt: {error}")


def _transcribe_all(
    model: Model, flags: argparse.Namespace, failed: list[UserError]
) -> Iterator[_Result]:
    """Yield the result of each file; several files are transcribed at the same time.

    The error of a broken file is added to `failed`; the other files are still transcribed.
    """
    stopping = Event()
    with ThreadPoolExecutor(min(len(flags.audio), model.streams_at_a_time)) as pool:
        futures = [pool.submit(_transcribe, model, name, flags, stopping) for name in flags.audio]
        try:
            for future in futures:
                try:
                    yield future.result()
                except AudioError as error:
                    _fail(error, flags, failed)
        finally:  # after Ctrl-C the threads would otherwise transcribe their files to the end
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _asked_subtitles(flags: argparse.Namespace) -> list[str]:
    return [name for name in _SUBTITLES if getattr(flags, name) is not None]


def _check_outputs(flags: argparse.Namespace) -> None:
    from .output_path import check_output_file, check_output_folder

    if flags.mic and flags.audio:
        raise FlagError("--mic and --audio exclude each other; leave one out")
    if not flags.mic and not flags.audio:
        raise FlagError("nothing to transcribe; give --audio FILE, --audio - or --mic")
    if flags.live_latency_seconds is not None and not flags.mic:
        raise FlagError("--live_latency_seconds applies only to live audio (--mic); leave it out")
    asked = _asked_subtitles(flags)
    if (flags.mic or flags.json) and asked:
        raise FlagError(
            f"--{asked[0]} cannot be combined with {'--mic' if flags.mic else '--json'}; leave "
            "one out"
        )
    if flags.output_dir:
        if not asked:
            raise FlagError(
                "--output_dir has no effect without --srt, --vtt, --txt or --tsv; add one"
            )
        check_output_folder("--output_dir", flags.output_dir)
        _check_names(flags.audio)
    elif len(flags.audio) > 1 and asked:
        raise FlagError(f"--{asked[0]}: several audio files need --output_dir DIR")
    for name in asked:
        target = getattr(flags, name)
        if target and len(flags.audio) > 1:
            raise FlagError(
                f"--{name} {target}: one file cannot hold the subtitles of several; leave {target} "
                "out: --output_dir names them after the audio"
            )
        if target:
            check_output_file(f"--{name}", target)


def _check_names(audio: Sequence[str]) -> None:
    """Refuse files whose subtitles would overwrite each other."""
    first: dict[str, str] = {}
    for name in audio:
        stem = _stem(name)
        if stem in first:
            raise FlagError(
                f"--output_dir: the subtitles of {first[stem]} and {name} would have the same "
                f"name, {stem}; use two commands with different folders"
            )
        first[stem] = name


def _stem(audio: str) -> str:
    return "stdin" if audio == _STDIN else Path(audio).stem


def _transcribe(model: Model, name: str, flags: argparse.Namespace, stopping: Event) -> _Result:
    from .audio.source import read_pcm_blocks

    _report(f"Running inference on {name}." if name != _STDIN else "Running inference.")
    started = timer()
    samples = 0
    with model.create_stream() as stream:
        for block in read_pcm_blocks(_source(name), model.sample_rate()):
            if stopping.is_set():
                break
            samples += len(block)
            stream.feed_audio_content(block)
        metadata = stream.finish_stream_with_metadata(
            flags.candidate_transcripts if flags.json else 1
        )
    seconds = samples / model.sample_rate()
    whose = f"{name}: " if len(flags.audio) > 1 else ""
    _report(f"{whose}Inference took {timer() - started:.3f}s for {seconds:.3f}s audio file.")
    return _Result(name, metadata, seconds)


def _source(name: str) -> str | BinaryIO:
    return io.BytesIO(sys.stdin.buffer.read()) if name == _STDIN else name


def _print(result: _Result, flags: argparse.Namespace, many: bool) -> None:
    best = result.metadata.transcripts[0]
    if flags.json:
        _print_json(_json(result.metadata))
        return
    text = "".join(token.text for token in best.tokens) if flags.extended else best.text
    text = f"{result.name}: {text}" if many else text
    print(shown_on(sys.stdout, text), flush=True)


def _write_subtitles(audio: str, words: Sequence[Word], flags: argparse.Namespace) -> None:
    from .atomic_file import write_atomically
    from .subtitles import FORMATS

    for name in _asked_subtitles(flags):
        target = getattr(flags, name)
        if flags.output_dir is not None and not target:
            target = str(flags.output_dir / f"{_stem(audio)}.{name}")
        text = FORMATS[name](words)
        if target:
            write_atomically(Path(target), text)
            _report(f"Wrote {target}")
        else:
            print(shown_on(sys.stdout, text), end="", flush=True)


def _json(metadata: Metadata) -> dict[str, Any]:
    from .words import words_of

    return {
        "transcripts": [
            {
                "confidence": transcript.confidence,
                "words": [
                    {
                        "word": word.text,
                        "start_time": round(word.start_time, 4),
                        "duration": round(word.duration, 4),
                        "confidence": round(word.confidence, 4),
                    }
                    for word in words_of(transcript.tokens)
                ],
            }
            for transcript in metadata.transcripts
        ]
    }


def _report(message: str) -> None:
    print(printable(message), file=sys.stderr, flush=True)
