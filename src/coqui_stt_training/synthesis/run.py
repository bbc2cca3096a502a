"""The work of `synthesize`, once its flags are read."""

from __future__ import annotations

import shlex
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet
from stt.atomic_file import remove_partial_files, write_atomically
from stt.audio.encoding import encode_audio
from stt.audio.file import read_audio, summarise_audio
from stt.audio.pcm import to_pcm
from stt.cores import available_cores
from stt.counted import counted
from stt.durations import say_audio_length
from stt.output_path import check_output_list

from ..checkpoints.folder_lock import locked
from ..cli.progress_bar import ProgressBar
from ..cli.synthesis_flags import SynthesisConfig, SynthesisFlags
from ..corpus.csv_file import write_csv
from ..corpus.row_check import SILENCE_PEAK_TO_PEAK
from ..corpus.rows import AUDIO_COLUMN, SIZE_COLUMN, SPEAKER_COLUMNS, TRANSCRIPT_COLUMN
from ..errors import AudioError, SynthesisError
from .sentences import Chosen, Sentence, choose_sentences, digest_of, draw_style, read_sentences
from .synthesiser import SpeakingStyle, Synthesiser, find_synthesiser, speak

_COLUMNS = (AUDIO_COLUMN, SIZE_COLUMN, TRANSCRIPT_COLUMN, "duration", SPEAKER_COLUMNS[0])
_AT_ONCE = 200  # takes per round: if the whole first round fails, the rest is not tried
_SHOWN = 3


@dataclass(frozen=True)
class _Take:
    """A sentence to speak, its speaking style, and the file to write."""

    sentence: Sentence
    style: SpeakingStyle
    path: Path


@dataclass(frozen=True)
class _Spoken:
    """A clip, and its duration."""

    take: _Take
    seconds: float


def run_synthesis(config: SynthesisConfig, show: Callable[[str], object]) -> None:
    """Synthesize the clips, and write the set.

    Args:
        config: all flags.
        show: called with each line of output.

    Raises:
        UserError: there is no synthesiser, the text cannot be read, or no clip could be made.
    """
    flags, out = config.synthesis, Path(config.synthesis.out)
    synthesiser = find_synthesiser(flags.command, tuple(flags.voices))
    alphabet = Alphabet(flags.alphabet_config_path) if flags.alphabet_config_path else None
    chosen = choose_sentences(
        read_sentences(flags.text), alphabet, flags.max_characters, flags.limit, flags.random_seed
    )
    listed = out / "clips.csv"
    check_output_list("--out", listed, "duration")
    with locked(out, "--out"):
        takes = list(_takes(chosen, synthesiser, flags, out))
        spoken, problems = _speak_all(takes, synthesiser, flags, config.output.show_progressbar)
        if not spoken:
            raise SynthesisError("\n".join(_why_nothing(synthesiser, chosen.left_out, problems)))
        rows = [_row(one, out, synthesiser) for one in spoken]
        write_csv(listed, _COLUMNS, rows)
    for line in _summary(listed, spoken, chosen.left_out, problems):
        show(line)


def _takes(
    chosen: Chosen, synthesiser: Synthesiser, flags: SynthesisFlags, out: Path
) -> Iterator[_Take]:
    speeds = (flags.slowest, flags.fastest)
    for sentence in chosen.sentences:
        for number in range(flags.takes):
            style = draw_style(sentence, number, synthesiser.voices, speeds, flags.random_seed)
            # The name is a digest of all that decides the audio, so existing files can be kept.
            said = (sentence.spoken, *astuple(style))
            name = digest_of((synthesiser.name, *said, flags.audio_sample_rate))
            yield _Take(sentence, style, out / "clips" / name[:2] / f"{name}.{flags.audio}")


def _speak_all(
    takes: Sequence[_Take], synthesiser: Synthesiser, flags: SynthesisFlags, show_progressbar: bool
) -> tuple[list[_Spoken], Counter[str]]:
    """Return the clips, in order, and the error messages of the others, with their counts."""
    spoken: list[_Spoken] = []
    problems: Counter[str] = Counter()
    work = partial(_speak, synthesiser=synthesiser, flags=flags)
    with (
        ThreadPoolExecutor(flags.workers or available_cores()) as pool,
        ProgressBar("Speaking", len(takes), show_progressbar, "clip") as bar,
    ):
        for first in range(0, len(takes), _AT_ONCE):
            for found in pool.map(work, takes[first : first + _AT_ONCE]):
                if isinstance(found, _Spoken):
                    spoken.append(found)
                else:
                    problems[found] += 1
                bar.advance(1)
            if not spoken:
                break  # the other takes would fail as well
    return spoken, problems


def _speak(take: _Take, synthesiser: Synthesiser, flags: SynthesisFlags) -> _Spoken | str:
    """Return the existing or new clip of a take, or an error message."""
    try:
        if take.path.is_file():
            summary = summarise_audio(str(take.path))
            return _Spoken(take, summary.sample_count / summary.sample_rate_hz)
        return _made(take, synthesiser, flags)
    except (SynthesisError, AudioError) as error:
        return str(error)


def _made(take: _Take, synthesiser: Synthesiser, flags: SynthesisFlags) -> _Spoken:
    rate = flags.audio_sample_rate
    with tempfile.TemporaryDirectory(prefix="stt-synthesis-") as folder:
        wav = Path(folder) / "spoken.wav"
        speak(synthesiser, take.sentence.spoken, take.style, wav)
        try:
            samples = read_audio(str(wav), rate)
        except AudioError as error:
            raise SynthesisError(str(error).replace(str(wav), "its output")) from None
    if float(samples.max() - samples.min()) < SILENCE_PEAK_TO_PEAK:
        raise SynthesisError("the audio is silent")
    content = encode_audio(to_pcm(samples), rate, "wav" if flags.audio == "wav" else "flac")
    remove_partial_files(take.path.parent, take.path.name)
    write_atomically(take.path, content)
    return _Spoken(take, len(samples) / rate)


def _row(one: _Spoken, out: Path, synthesiser: Synthesiser) -> tuple[object, ...]:
    path, style = one.take.path, one.take.style
    speaker = style.voice or synthesiser.name.split()[0]
    return (
        path.relative_to(out), path.stat().st_size, one.take.sentence.transcript,
        f"{one.seconds:.3f}", f"synthetic {speaker}",
    )  # fmt: skip


def _summary(
    listed: Path, spoken: Sequence[_Spoken], left_out: Counter[str], problems: Counter[str]
) -> Iterator[str]:
    seconds = sum(one.seconds for one in spoken)
    voices = len({one.take.style.voice for one in spoken})
    yield (
        f"{listed}: {counted(len(spoken), 'clip')}, {say_audio_length(seconds)}, in "
        f"{counted(voices, 'voice')}"
    )
    yield from _reasons(left_out)
    for problem, count in problems.most_common(_SHOWN):
        yield f"  not synthesized: {count}: {problem}"
    yield (
        "To train on them together with real speech, as a third of each epoch: python -m "
        f"coqui_stt_training.train --train_files my-train.csv {shlex.quote(str(listed))}:0.33 ..."
    )


def _why_nothing(
    synthesiser: Synthesiser, left_out: Counter[str], problems: Counter[str]
) -> list[str]:
    if not problems:
        return ["no sentence of the text is left:", *_reasons(left_out)]
    return [f"{problem}; {synthesiser.advice}" for problem, _ in problems.most_common(1)]


def _reasons(left_out: Counter[str]) -> list[str]:
    return [f"  left out: {count:,} {reason}" for reason, count in left_out.most_common()]
