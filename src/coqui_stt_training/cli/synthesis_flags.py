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

    text: Names = flag([], "text files, one sentence a line; may be gzipped")
    out: str = flag("", "folder for clips.csv and the audio; the same command goes on there")
    voices: Names = flag(
        [], "voices, or languages: of espeak-ng such as uk, of --command whatever it calls them"
    )
    command: str = flag(
        "",
        "another synthesiser than espeak-ng, as one types it: it is given the sentence on its "
        "standard input and writes a WAV file {out}; {voice}, {speed} and {slowness} (1 / speed) "
        "are filled in, too",
    )
    alphabet_config_path: str = flag(
        "", "alphabet that transcripts are written in; by default the letters of the text"
    )
    takes: int = flag(1, "how often each sentence is spoken, differently", check=at_least(1))
    slowest: float = flag(0.8, "lowest speed, where 1 is the synthesiser's own", check=positive)
    fastest: float = flag(1.25, "highest speed", check=positive)
    max_characters: int = flag(150, "longer sentences are left out", check=at_least(1))
    limit: int = flag(0, "speak only so many sentences, drawn from all; 0: all", check=not_negative)
    audio: str = flag("flac", "format of the clips", choices=("flac", "wav"))
    audio_sample_rate: int = flag(16000, "their sample rate in Hz", check=at_least(8000))
    random_seed: int = flag(4568, "of voices, speeds and what --limit draws", check=not_negative)
    workers: int = flag(0, "sentences spoken at a time; 0: one for each core", check=not_negative)

    def check(self) -> None:
        """See that what cannot be done without is given, and that there is where to write.

        Raises:
            FlagError: one sentence for each thing that is wrong.
        """
        problems = self.speech_problems()
        if not self.out:
            problems.append("no folder to write to: give --out")
        if problems:
            raise FlagError("\n".join(problems))
        check_output_folder("--out", self.out)

    def speech_problems(self) -> list[str]:
        """Return what is wrong with what is to be spoken, and by whom, a sentence each."""
        problems = []
        if not self.text:
            problems.append("no text: name files of sentences with --text")
        if not self.command and not self.voices:
            problems.append("in which language? Give --voices, such as uk, or en-us en-gb")
        if self.command and "{out}" not in self.command:
            problems.append(f"--command {self.command}: say with {{out}} where the WAV file goes")
        if "{voice}" in self.command and not self.voices:
            problems.append("--command has a {voice}, and there is none: give --voices")
        if self.slowest > self.fastest:
            problems.append("--slowest: must not be more than --fastest")
        return problems


@dataclass(frozen=True)
class SynthesisConfig:
    """All flags of `synthesize`."""

    synthesis: SynthesisFlags = SynthesisFlags()
    output: LogFlags = LogFlags()
