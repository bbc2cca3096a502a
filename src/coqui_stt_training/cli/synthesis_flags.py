"""The flags of `synthesize`."""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_folder

from ..errors import FlagError
from .config import LogFlags
from .data_flags import Names
from .flags import at_least, flag, not_negative, positive


@dataclass(frozen=True)
class SynthesisFlags:
    """Synthetic speech."""

    text: Names = flag([], "text files, one sentence per line, optionally gzipped")
    out: str = flag(
        "", "output folder for clips.csv and the audio; the same command continues there"
    )
    voices: Names = flag([], "voices or languages: of espeak-ng, such as uk, or of --command")
    command: str = flag(
        "",
        "command line of another synthesizer than espeak-ng; it reads the sentence from standard "
        "input and writes the WAV file {out}; {voice}, {speed} and {slowness} (1 / speed) are "
        "replaced, too",
    )
    alphabet_config_path: str = flag(
        "", "alphabet for transcripts (default: the letters of the text)"
    )
    takes: int = flag(
        1, "how often to speak each sentence, each time differently", check=at_least(1)
    )
    slowest: float = flag(0.8, "lowest speed; 1 is the synthesizer's default", check=positive)
    fastest: float = flag(1.25, "highest speed", check=positive)
    max_characters: int = flag(150, "leave out longer sentences", check=at_least(1))
    limit: int = flag(0, "speak at most N sentences, chosen at random; 0: all", check=not_negative)
    audio: str = flag("flac", "format of the clips", choices=("flac", "wav"))
    audio_sample_rate: int = flag(16000, "sample rate of the clips in Hz", check=at_least(8000))
    random_seed: int = flag(
        4568, "seed of voices, speeds and the choice of --limit", check=not_negative
    )
    workers: int = flag(
        0, "sentences to synthesize in parallel; 0: one per core", check=not_negative
    )

    def check(self) -> None:
        """Check that required flags are given, and that the output folder can be written to.

        Raises:
            FlagError: flags are missing or wrong; the message has one line for each problem.
        """
        problems = self.speech_problems()
        if not self.out:
            problems.append("no output folder; give --out")
        if problems:
            raise FlagError("\n".join(problems))
        check_output_folder("--out", self.out)

    def speech_problems(self) -> list[str]:
        """Return the problems with text, voices, command and speeds, one sentence each."""
        problems = []
        if not self.text:
            problems.append("no text; give files of sentences with --text")
        if not self.command and not self.voices:
            problems.append("no language; give --voices, for example uk, or en-us en-gb")
        if self.command and "{out}" not in self.command:
            problems.append(
                f"--command {self.command}: must contain {{out}}, where the WAV file goes"
            )
        if "{voice}" in self.command and not self.voices:
            problems.append("--command contains {voice}, but there are no voices; give --voices")
        if self.slowest > self.fastest:
            problems.append("--slowest must not be greater than --fastest")
        return problems


@dataclass(frozen=True)
class SynthesisConfig:
    """All flags of `synthesize`."""

    synthesis: SynthesisFlags = SynthesisFlags()
    output: LogFlags = LogFlags()
