"""Speech synthesisers: espeak-ng, or any command line; each call speaks one sentence."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import FlagError, SynthesisError

_ESPEAK = "espeak-ng"
_ESPEAK_WORDS_PER_MINUTE = 175
_ESPEAK_PITCH, _ESPEAK_PITCH_RANGE = 50, 25
# The variants that sound like one human speaker; others are jokes or telephone voices.
_ESPEAK_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
_LONGEST_SECONDS = 120  # timeout of a program for a sentence
_SAID = 300  # characters of its error message that are shown


@dataclass(frozen=True)
class SpeakingStyle:
    """How a sentence is spoken.

    Attributes:
        voice: the synthesiser's name of the voice; "" if it has only one.
        speed: speed relative to the synthesiser's normal speed, 1.
        pitch: pitch from -1, low, to 1, high.
    """

    voice: str
    speed: float
    pitch: float


class Synthesiser(Protocol):
    """A program that synthesizes speech."""

    @property
    def name(self) -> str:
        """A name that distinguishes its clips from those of other synthesisers."""
        ...

    @property
    def voices(self) -> Sequence[str]:
        """The voices to draw from; at least one."""
        ...

    @property
    def advice(self) -> str:
        """Advice for errors, at the end of an error message."""
        ...

    def words(self, style: SpeakingStyle, out: Path) -> list[str]:
        """Return the words of the command line that writes the WAV file `out`."""
        ...


@dataclass(frozen=True)
class Espeak:
    """espeak-ng: a rule-based synthesiser of more than a hundred languages."""

    languages: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the program."""
        return _ESPEAK

    @property
    def advice(self) -> str:
        """How to list its languages."""
        return f"`{_ESPEAK} --voices` lists its languages in the second column"

    @property
    def voices(self) -> Sequence[str]:
        """Each language in thirteen variants, unless it names one itself (`uk+f2`)."""
        return [
            voice
            for language in self.languages
            for voice in (
                [language] if "+" in language else [f"{language}+{one}" for one in _ESPEAK_VARIANTS]
            )
        ]

    def words(self, style: SpeakingStyle, out: Path) -> list[str]:
        """Return the words of its command line."""
        speed = round(_ESPEAK_WORDS_PER_MINUTE * style.speed)
        pitch = round(_ESPEAK_PITCH + _ESPEAK_PITCH_RANGE * style.pitch)
        flags = ["-v", style.voice, "-s", str(speed), "-p", str(pitch)]
        return [_ESPEAK, *flags, "-b", "1", "--stdin", "-w", str(out)]


@dataclass(frozen=True)
class OtherProgram:
    """Any program, with `{out}`, `{voice}`, `{speed}` and `{slowness}` in its command line."""

    template: tuple[str, ...]
    given_voices: tuple[str, ...]

    @property
    def name(self) -> str:
        """The command line, as the user gave it."""
        return shlex.join(self.template)

    @property
    def advice(self) -> str:
        """How to test it by hand."""
        return f"test it with: echo hello | {self.name}"

    @property
    def voices(self) -> Sequence[str]:
        """The voices that the user gave; one empty name if there are none."""
        return self.given_voices or ("",)

    def words(self, style: SpeakingStyle, out: Path) -> list[str]:
        """Return the words of its command line."""
        values = {
            "{out}": str(out),
            "{voice}": style.voice,
            "{speed}": f"{style.speed:.3f}",
            "{slowness}": f"{1 / style.speed:.3f}",
        }
        return [_filled(word, values) for word in self.template]


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def find_synthesiser(command: str, voices: tuple[str, ...]) -> Synthesiser:
    """Return the synthesiser that the flags choose.

    Args:
        command: command line of a program; empty: espeak-ng.
        voices: languages of espeak-ng, or voices of the program.

    Raises:
        FlagError: the program is not installed, or the command line cannot be parsed.
    """
    if not command:
        if shutil.which(_ESPEAK) is None:
            raise FlagError(
                f"no synthesizer: {_ESPEAK} is not installed; install it with `apt-get install "
                f"{_ESPEAK}` (`brew install espeak-ng` on a Mac), or give another with --command"
            )
        return Espeak(voices)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise FlagError(f"--command {command}: {error}") from None
    if shutil.which(words[0]) is None:
        raise FlagError(f"--command: program {words[0]} not found; install it, or give its path")
    return OtherProgram(tuple(words), voices)


def speak(synthesiser: Synthesiser, text: str, style: SpeakingStyle, out: Path) -> None:
    """Synthesize a sentence into a WAV file.

    Raises:
        SynthesisError: the program fails, takes too long, or writes no file.
    """
    words = synthesiser.words(style, out)
    try:
        done = subprocess.run(
            words, input=f"{text}\n".encode(), capture_output=True, timeout=_LONGEST_SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"{words[0]} took more than {_LONGEST_SECONDS} s") from None
    except OSError as error:
        raise SynthesisError(f"{words[0]} cannot be run: {error.strerror or error}") from None
    if done.returncode or not out.is_file():
        said = " ".join(done.stderr.decode(errors="replace").split()) or "no message"
        said = said[-_SAID:].rstrip(".")
        raise SynthesisError(
            f"{words[0]} wrote no audio and exited with status {done.returncode}: {said}"
        )
