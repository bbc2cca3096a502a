"""The flags of the model and the decoder, which the `stt` command and its server share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .errors import FlagError, LatencyError

if TYPE_CHECKING:
    from .model import Model


def add_model_flags(parser: argparse.ArgumentParser, *, threads: int | None = None) -> None:
    """Add the flags of the model and the decoder; `load_model` takes their values.

    Args:
        parser: parser to which the flags are added.
        threads: default of `--threads`; None for all cores.
    """
    parser.add_argument(
        "--model",
        required=True,
        metavar="FILE",
        help="model: a .tflite or .onnx file, or hf://owner/name",
    )
    parser.add_argument(
        "--scorer", metavar="FILE", help="external scorer: a .scorer file, or hf://owner/name"
    )
    parser.add_argument(
        "--beam_width", type=positive, metavar="N", help="beam width of the decoder"
    )
    parser.add_argument(
        "--lm_alpha",
        type=float,
        metavar="X",
        help="weight of the language model (default: the scorer's)",
    )
    parser.add_argument(
        "--lm_beta", type=float, metavar="X", help="bonus for each word (default: the scorer's)"
    )
    parser.add_argument(
        "--hot_words",
        metavar="WORD:BOOST,...",
        help="words to boost (or, with a negative boost, to suppress), as in `coqui:7.5,mars:-2`",
    )
    parser.add_argument(
        "--threads",
        type=positive,
        default=threads,
        metavar="N",
        help=f"threads of the acoustic model (default: {threads or 'all cores'})",
    )
    parser.add_argument(
        "--live_latency_seconds",
        type=float,
        metavar="S",
        help="maximum latency in seconds of live audio with an encoder such as Whisper's; a larger "
        "value costs less CPU time (default: the model's own, usually 3.2)",
    )


def load_model(flags: argparse.Namespace, *, parallel: int | None = None) -> Model:
    """Load the model with the settings given by the flags of `add_model_flags`.

    Args:
        flags: values of the flags.
        parallel: see `Model`.

    Raises:
        UserError: a flag is wrong, or the model or the scorer cannot be loaded.
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
        FlagError: the text is malformed.
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
    """Parse a positive integer, for argparse."""
    return whole_number(text, least=1)


def whole_number(text: str, least: int, most: int | None = None) -> int:
    """Parse an integer within a range, for argparse.

    Raises:
        argparse.ArgumentTypeError: the text is not an integer, or out of range.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"{value}: must be {bounds}")
    return value
