"""Find the alpha and beta of a scorer that give the fewest errors.

    python -m coqui_stt_training.util.lm_optimize --checkpoint_dir DIR --test_files dev.csv \\
        --scorer_path kenlm.scorer --n_trials 600

The acoustic model runs once (`--posteriors` names a file for its output). The best values are
printed and, with `--write_scorer true`, written into the scorer. All trials are listed in a file
beside the scorer. A run that was stopped continues where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stt.cores import available_cores
from stt.counted import counted
from stt.output_path import check_output_file

from ..cli.command import command, start_logging
from ..cli.config import DecoderFlags, LmOptimizeConfig, TuningFlags
from ..cli.flags import Parsed, parse
from ..cli.progress_bar import ProgressBar
from ..cli.shared_flags import SHARED
from ..errors import FlagError

if TYPE_CHECKING:
    from coqui_stt_ctcdecoder.alphabet import Alphabet

    from ..checkpoints.source import SourceModel
    from .posteriors import PosteriorSet
    from .tuning import TuningResult

_log = logging.getLogger("coqui_stt_training.util.lm_optimize")  # __name__ is __main__ under -m
_SHOWN = 5


def optimize(parsed: Parsed[LmOptimizeConfig]) -> int:
    """Tune `--scorer_path`; return the exit status.

    Raises:
        UserError: the checkpoint cannot be read, the data has bad rows, the scorer is for another
            alphabet, ...
    """
    from coqui_stt_ctcdecoder import Scorer

    from ..runs.evaluation import load_for_inference
    from .tuning import TuningOptions, tune, write_parameters

    config, tuning = parsed.config, parsed.config.tuning
    source, alphabet = load_for_inference(config.source, config.alphabet)
    scorer_path = Path(config.decoder.scorer_path)
    scorer = Scorer(*config.decoder.weights(parsed.given), scorer_path, alphabet)
    posteriors = _posteriors(parsed, source, alphabet)
    options = TuningOptions(
        n_trials=tuning.n_trials,
        alpha_max=tuning.lm_alpha_max,
        beta_max=tuning.lm_beta_max,
        beam_width=config.decoder.beam_width,
        cutoff_prob=config.decoder.cutoff_prob,
        cutoff_top_n=config.decoder.cutoff_top_n,
        threads=available_cores(),
    )
    outputs = output_files(config.decoder, tuning)
    with ProgressBar("Tuning", tuning.n_trials, config.output.show_progressbar, "trial") as bar:
        result = tune(
            posteriors,
            alphabet,
            scorer,
            options,
            outputs["--journal"],
            lambda: bar.advance(len(posteriors.probs)),
        )
    _report(result, outputs)
    best = result.best
    if tuning.write_scorer:
        write_parameters(scorer_path, best)
        print(
            f"Wrote lm_alpha {best.alpha:.6g} and lm_beta {best.beta:.6g} into {scorer_path} as "
            "its defaults"
        )
    else:
        print(
            f"{scorer_path} is unchanged; to use the values: --lm_alpha {best.alpha:.6g} "
            f"--lm_beta {best.beta:.6g}. To write them into it as defaults, run this command "
            "again with --write_scorer true"
        )
    return 0


def _posteriors(
    parsed: Parsed[LmOptimizeConfig], source: SourceModel, alphabet: Alphabet
) -> PosteriorSet:
    """Load the posteriors from the file `--posteriors`, or compute them and save them there."""
    from ..runs.features import choose_features
    from ..runs.machine import prepare_machine
    from .acoustic import compute_posteriors
    from .posteriors import load_posteriors, save_posteriors

    config = parsed.config
    kept = Path(config.tuning.posteriors) if config.tuning.posteriors else None
    if kept is not None and kept.is_file():
        return load_posteriors(kept, alphabet)
    if not config.data.test_files:
        raise FlagError("no data to tune on; give --test_files")
    posteriors = compute_posteriors(
        source,
        alphabet,
        choose_features(config.features, source, parsed.given),
        config.data,
        config.evaluation,
        config.output,
        prepare_machine(config.machine),
        any_sample_rate=config.features.normalize_sample_rate,
    )
    if kept is not None:
        save_posteriors(kept, posteriors, alphabet)
    return posteriors


def _report(result: TuningResult, outputs: Mapping[str, Path]) -> None:
    """Print the best trials, plot the error rates, and write all trials to a file."""
    from .tuning import plot_surface, write_results

    best = result.best
    for trial in result.ranked()[:_SHOWN]:
        _log.info("lm_alpha=%.4f lm_beta=%.4f: %s", trial.alpha, trial.beta, result.rates(trial))
    print(
        f"Best params: lm_alpha={best.alpha} and lm_beta={best.beta} with "
        f"{result.measure}={result.error(best)}"
    )
    plot_surface(result, outputs["--plot"])
    write_results(result, outputs["--results"])
    print(
        f"That is the best of {counted(len(result.trials), 'trial')}, listed in "
        f"{outputs['--results']} and plotted in {outputs['--plot']}"
    )
    print(
        f"Without a scorer: {result.without}. Expected with this one on clips that it was not "
        f"tuned on: {result.expected}{_warning(result)}"
    )


def _warning(result: TuningResult) -> str:
    without, expected = result.without, result.expected
    if expected.wer >= without.wer and expected.cer >= without.cer:
        return ": do not use it, or make one from more text"
    if expected.cer > without.cer:
        return (
            ": it corrects words but damages characters in words that it does not know; use more "
            "text, or make a scorer that can write any word with `build_scorer --characters`"
        )
    return ""


def output_files(decoder: DecoderFlags, tuning: TuningFlags) -> dict[str, Path]:
    """Return the paths of the result files, by the flag that names each."""
    scorer = decoder.scorer_path
    return {
        "--journal": Path(tuning.journal or f"{scorer}.trials"),
        "--plot": Path(tuning.plot or f"{scorer}.png"),
        "--results": Path(tuning.results or f"{scorer}.json"),
    }


def check_outputs(decoder: DecoderFlags, tuning: TuningFlags) -> None:
    """Check that the output files can be written.

    Raises:
        FlagError: one cannot.
    """
    further: dict[str, str | Path] = {
        "--posteriors": tuning.posteriors,
        "--scorer_path": decoder.scorer_path if tuning.write_scorer else "",
    }
    for flag, path in (*output_files(decoder, tuning).items(), *further.items()):
        if path:
            check_output_file(flag, path)


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parsed = parse(
        LmOptimizeConfig,
        argv,
        program="python -m coqui_stt_training.util.lm_optimize",
        description="Find the alpha and beta of a scorer that give the lowest error rate.",
        tolerated=SHARED,
    )
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not parsed.config.decoder.scorer_path:
        raise FlagError("no scorer to tune; give --scorer_path")
    if not Path(parsed.config.decoder.scorer_path).is_file():
        raise FlagError(f"--scorer_path {parsed.config.decoder.scorer_path}: no such file")
    check_outputs(parsed.config.decoder, parsed.config.tuning)
    return optimize(parsed)
