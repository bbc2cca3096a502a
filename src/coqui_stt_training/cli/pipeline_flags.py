"""The flags of `bootstrap`: its own, and those of `train`, which it passes on."""

from __future__ import annotations

from dataclasses import dataclass

from .config import TrainConfig
from .flags import at_least, flag, positive, share


@dataclass(frozen=True)
class PipelineFlags:
    """Bootstrapping a model from a collection."""

    out: str = flag("", "output folder for everything; the same command continues what it holds")
    source: tuple[str, ...] = flag(
        [],
        "model to start from: a folder, a file, or hf://owner/name; of several, the best in a "
        "short trial; scratch: none",
        repeatable=True,
    )
    text: tuple[str, ...] = flag(
        [],
        "files with more text for the scorer, one sentence per line, optionally gzipped",
        repeatable=True,
    )
    voices: tuple[str, ...] = flag(
        [],
        "synthesize sentences of --text as additional training data, with these languages of "
        "espeak-ng, such as uk, or voices of --synthesiser",
        repeatable=True,
    )
    synthesiser: str = flag(
        "", "command to synthesize with instead of espeak-ng, as in synthesize --command"
    )
    spoken_sentences: int = flag(
        2000, "number of sentences of --text to synthesize", check=at_least(1)
    )
    spoken_share: float = flag(0.6, "share of synthetic clips in each epoch", check=share)
    probe_epochs: int = flag(
        6, "epochs of the trial of each source, with its layers frozen", check=positive
    )
    n_trials: int = flag(
        100,
        "number of trials on the dev set to find the scorer's alpha and beta",
        check=at_least(1),
    )

    @property
    def reads_out(self) -> bool:
        """Whether sentences of the text are synthesized as training data."""
        return bool(self.voices or self.synthesiser)


@dataclass(frozen=True)
class BootstrapConfig(TrainConfig):
    """All flags of `bootstrap`."""

    pipeline: PipelineFlags = PipelineFlags()
