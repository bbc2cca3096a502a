"""The flags of `bootstrap`: its own, and those of `train`, which it passes on."""

from __future__ import annotations

from dataclasses import dataclass

from .config import TrainConfig
from .flags import at_least, flag, positive, share


@dataclass(frozen=True)
class WholeFlags:
    """From a collection to a model."""

    out: str = flag("", "folder for all that is made; the same command goes on with what is there")
    source: tuple[str, ...] = flag(
        [],
        "model to start from: a folder, a file, or hf://owner/name; of several, the one that does "
        "best in a short trial; scratch: none",
        repeatable=True,
    )
    text: tuple[str, ...] = flag(
        [],
        "files of more text for the scorer, one sentence a line; may be gzipped",
        repeatable=True,
    )
    voices: tuple[str, ...] = flag(
        [],
        "read out sentences of --text, as more speech to train on: languages of espeak-ng, such as "
        "uk, or voices of --synthesiser",
        repeatable=True,
    )
    synthesiser: str = flag(
        "", "what reads them out in place of espeak-ng, a command line as synthesize --command has"
    )
    spoken_sentences: int = flag(
        2000, "sentences that are read out, drawn from --text", check=at_least(1)
    )
    spoken_share: float = flag(0.6, "their share of each epoch's clips", check=share)
    probe_epochs: int = flag(
        6, "epochs of the trial of each source, its layers frozen", check=positive
    )
    n_trials: int = flag(
        100, "trials to find alpha and beta of the scorer with, on the dev set", check=at_least(1)
    )

    @property
    def reads_out(self) -> bool:
        """Whether sentences of the text are read out, to train on."""
        return bool(self.voices or self.synthesiser)


@dataclass(frozen=True)
class BootstrapConfig(TrainConfig):
    """All flags of `bootstrap`."""

    whole: WholeFlags = WholeFlags()
