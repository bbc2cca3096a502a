"""Programs that speak: espeak-ng, or what a command line says; each is asked for one sentence."""

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
# Its voices of one throat each; the others are jokes, or speak through a telephone.
_ESPEAK_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
_LONGEST_SECONDS = 120  # that a program may take for a sentence
_SAID = 300  # characters of what it says that are shown


@dataclass(frozen=True)
class SpeakingStyle:
    """How a sentence is spoken.

    Attributes:
        voice: as the synthesiser calls it; "" where it has but one.
        speed: 1 is the synthesiser's own.
        pitch: -1 to 1, low to high.
    """

    voice: str
    speed: float
    pitch: float


class Synthesiser(Protocol):
    """A program that speaks."""

    @property
    def name(self) -> str:
        """What tells its clips from those of another."""
        ...

    @property
    def voices(self) -> Sequence[str]:
        """What to draw voices from; at least one."""
        ...

    @property
    def advice(self) -> str:
        """What to look at where it does not speak."""
        ...

    def words(self, style: SpeakingStyle, out: Path) -> list[str]:
        """Return the words of its command line, which writes a WAV file `out`."""
        ...


@dataclass(frozen=True)
class Espeak:
    """espeak-ng: more than a hundred languages, by rules."""

    languages: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the program."""
        return _ESPEAK

    @property
    def advice(self) -> str:
        """Where its voices are listed."""
        return f"`{_ESPEAK} --voices` lists its languages in the second column"

    @property
    def voices(self) -> Sequence[str]:
        """Each language in the voices of thirteen throats, unless one was named (`uk+f2`)."""
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
        """The command line as it was given."""
        return shlex.join(self.template)

    @property
    def advice(self) -> str:
        """How to try it by hand."""
        return f"test it with: echo hello | {self.name}"

    @property
    def voices(self) -> Sequence[str]:
        """Those that were given."""
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
    """Return what speaks.

    Args:
        command: of another program than espeak-ng; empty: espeak-ng.
        voices: languages of espeak-ng, or voices of the program.

    Raises:
        FlagError: it is not installed, or the command is no command line.
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
    """Let a program speak a sentence into a WAV file.

    Raises:
        SynthesisError: it fails, takes minutes, or writes nothing.
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
