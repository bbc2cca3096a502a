"""The flags that say how to transcribe, which the `stt` command and its server share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .errors import FlagError, LatencyError

if TYPE_CHECKING:
    from .model import Model


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how to transcribe; `load_model` takes their values."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE",
        help="the model: .tflite, .onnx, or hf://owner/name",
    )
    parser.add_argument(
        "--scorer", metavar="FILE", help="the external scorer: .scorer, or hf://owner/name"
    )
    parser.add_argument(
        "--beam_width", type=positive, metavar="N", help="beam width of the decoder"
    )
    parser.add_argument(
        "--lm_alpha", type=float, help="weight of the language model (default: the scorer's)"
    )
    parser.add_argument("--lm_beta", type=float, help="bonus for a word (default: the scorer's)")
    parser.add_argument(
        "--hot_words",
        metavar="WORD:BOOST,...",
        help="words to make likelier (or, with negative boosts, less likely)",
    )
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads of the acoustic model (default: all cores)",
    )
    parser.add_argument(
        "--live_latency_seconds",
        type=float,
        metavar="S",
        help="how late live audio may be told by an encoder such as Whisper's, which hears what "
        "was before with each new piece: longer costs less time (default: as the model says, 3.2)",
    )


def load_model(flags: argparse.Namespace, *, parallel: int | None = None) -> Model:
    """Load the model that `add_model_flags`' values describe.

    Raises:
        UserError: it cannot be.
    """
    from .model import Model

    if not flags.scorer:
        needing = [
            f"--{name}"
            for name in ("lm_alpha", "lm_beta", "hot_words")
            if getattr(flags, name) is not None
        ]
        if needing:
            raise FlagError(f"{', '.join(needing)}: has no effect without --scorer; add one")
    hot_words = parse_hot_words(flags.hot_words or "")
    model = Model(flags.model, threads=flags.threads, parallel=parallel)
    if flags.live_latency_seconds is not None:
        try:
            model.set_live_latency(flags.live_latency_seconds)
        except LatencyError as error:
            raise FlagError(f"--live_latency_seconds: {error}") from None
    if flags.beam_width:
        model.set_beam_width(flags.beam_width)
    if flags.scorer:
        model.enable_external_scorer(flags.scorer, flags.lm_alpha, flags.lm_beta)
    for word, boost in hot_words.items():
        model.add_hot_word(word, boost)
    return model


def parse_hot_words(text: str) -> dict[str, float]:
    """Parse `word:boost,word:boost`.

    Raises:
        FlagError: malformed.
    """
    boosts = {}
    for pair in filter(None, text.split(",")):
        word, colon, boost = pair.rpartition(":")
        try:
            boosts[word.strip()] = float(boost)
        except ValueError:
            colon = ""
        if not colon or not word.strip():
            raise FlagError(f"--hot_words: {pair!r} is not WORD:BOOST, as in `coqui:7.5,mars:-2`")
    return boosts


def positive(text: str) -> int:
    """Parse an integer above zero, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


positive.__name__ = "positive integer"  # argparse puts it into its messages
