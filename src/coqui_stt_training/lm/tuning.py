"""Finding the alpha and beta with which a scorer helps a model most.

The acoustic model runs once; every trial is a beam search over its posteriors. Trials are kept in a
journal beside the scorer, so that a search goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coqui_stt_ctcdecoder import Scorer, ctc_beam_search_decoder_batch
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.scorer_file import set_parameters
from stt.atomic_file import replacing
from stt.counted import counted

from ..scoring.metrics import score_sample, score_set
from .posteriors import PosteriorSet

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningOptions:
    """How to search.

    Attributes:
        n_trials: trials in all, those of earlier runs within the same bounds included.
        alpha_max: alpha is searched from 0 to here.
        beta_max: beta likewise.
        beam_width: prefixes kept while decoding.
        cutoff_prob: see `ctc_beam_search_decoder`.
        cutoff_top_n: likewise.
        threads: clips decoded at a time.
        seed: of the sampler.
    """

    n_trials: int = 2400
    alpha_max: float = 5
    beta_max: float = 5
    beam_width: int = 500
    cutoff_prob: float = 1.0
    cutoff_top_n: int = 300
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Trial:
    """One pair of parameters and the error rate it gave."""

    alpha: float
    beta: float
    error: float


@dataclass(frozen=True)
class TuningResult:
    """The outcome of a search.

    Attributes:
        best: the best trial.
        trials: all of them, in order.
        measure: `WER`, or `CER` for models that write code points.
    """

    best: Trial
    trials: tuple[Trial, ...]
    measure: str


def error_rate(
    posteriors: PosteriorSet, alphabet: Alphabet, scorer: Scorer, options: TuningOptions
) -> float:
    """Return the error rate of decoding with a scorer: WER, or CER where it scores code points."""
    batch, lengths = posteriors.padded()
    results = ctc_beam_search_decoder_batch(
        batch,
        lengths,
        alphabet,
        options.beam_width,
        options.threads,
        options.cutoff_prob,
        options.cutoff_top_n,
        scorer,
    )
    samples = [
        score_sample("", reference, hypotheses[0].transcript, 0.0)
        for reference, hypotheses in zip(posteriors.transcripts, results, strict=True)
    ]
    totals = score_set(samples)
    return totals.cer if scorer.is_utf8_mode() else totals.wer


def tune(
    posteriors: PosteriorSet,
    alphabet: Alphabet,
    scorer: Scorer,
    options: TuningOptions,
    journal: Path | None = None,
    on_trial: Callable[[int, Trial], None] = lambda _number, _trial: None,
) -> TuningResult:
    """Search for the best alpha and beta.

    Args:
        posteriors: of the acoustic model on a development set.
        alphabet: of the model.
        scorer: to tune; its alpha and beta change.
        options: how to search.
        journal: file that trials are kept in; an existing one is continued. None keeps nothing.
        on_trial: called after each trial with its number, from 0.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=_fingerprint(posteriors, scorer, options),
        storage=_open_journal(journal),
        load_if_exists=True,
    )
    done = _finished(study, options)
    # A sampler that starts again must not draw what it has drawn before.
    study.sampler = optuna.samplers.TPESampler(seed=options.seed + len(done), multivariate=True)

    def objective(trial: optuna.Trial) -> float:
        alpha = trial.suggest_float("lm_alpha", 0, options.alpha_max)
        beta = trial.suggest_float("lm_beta", 0, options.beta_max)
        scorer.reset_params(alpha, beta)
        error = error_rate(posteriors, alphabet, scorer, options)
        on_trial(trial.number, Trial(alpha, beta, error))
        return error

    if not study.trials:
        # What is in the scorer may be good already, and is what the outcome is compared with.
        alpha = min(max(scorer.alpha, 0), options.alpha_max)
        beta = min(max(scorer.beta, 0), options.beta_max)
        study.enqueue_trial({"lm_alpha": alpha, "lm_beta": beta}, skip_if_exists=True)
    if done:
        _log.info("Going on after %s in %s", counted(len(done), "trial"), journal)
    study.optimize(objective, n_trials=max(options.n_trials - len(done), 0))
    trials = _finished(study, options)
    best = min(trials, key=lambda trial: trial.error)
    scorer.reset_params(best.alpha, best.beta)
    return TuningResult(best, tuple(trials), "CER" if scorer.is_utf8_mode() else "WER")


def _fingerprint(posteriors: PosteriorSet, scorer: Scorer, options: TuningOptions) -> str:
    # Trials can be compared only on the same clips, with the same scorer and the same search.
    digest = hashlib.sha256()
    for rows, text in zip(posteriors.probs, posteriors.transcripts, strict=True):
        digest.update(f"{len(rows)} {text}\n".encode())
        digest.update(rows[-1].tobytes())
    settings = (options.beam_width, options.cutoff_prob, options.cutoff_top_n)
    digest.update(f"{settings} {scorer.dictionary_size()}".encode())
    return f"lm_optimize-{digest.hexdigest()[:16]}"


def _open_journal(path: Path | None) -> BaseStorage | None:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _finished(study: Study, options: TuningOptions) -> list[Trial]:
    """Return the trials within the bounds; earlier searches may have had wider ones."""
    from optuna.trial import TrialState

    trials = [
        Trial(trial.params["lm_alpha"], trial.params["lm_beta"], trial.value)
        for trial in study.get_trials(states=(TrialState.COMPLETE,))
        if trial.value is not None
    ]
    return [
        trial
        for trial in trials
        if trial.alpha <= options.alpha_max and trial.beta <= options.beta_max
    ]


def write_parameters(scorer_path: Path, trial: Trial) -> None:
    """Make a trial's alpha and beta the defaults of a scorer file, atomically.

    Raises:
        ScorerError: it is not a scorer.
        OSError: it cannot be written.
    """
    with replacing(scorer_path) as partial:
        shutil.copyfile(scorer_path, partial)
        set_parameters(partial, trial.alpha, trial.beta)


def plot_surface(result: TuningResult, path: Path) -> None:
    """Draw the error rate over alpha and beta.

    Raises:
        OSError: the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    alphas = [trial.alpha for trial in result.trials]
    betas = [trial.beta for trial in result.trials]
    errors = [trial.error for trial in result.trials]
    figure, axes = pyplot.subplots(figsize=(8, 6), layout="constrained")
    is_surface = len(set(zip(alphas, betas, strict=True))) >= 4
    if is_surface and len(set(alphas)) > 1 and len(set(betas)) > 1:
        axes.tricontourf(alphas, betas, errors, levels=20, cmap="viridis_r", alpha=0.6)
    points = axes.scatter(alphas, betas, c=errors, cmap="viridis_r", s=12)
    best = result.best
    axes.plot(best.alpha, best.beta, marker="*", markersize=16, color="red", linestyle="none")
    axes.set(
        xlabel="lm_alpha",
        ylabel="lm_beta",
        title=f"best {result.measure} {best.error:.4f} at "
        f"alpha {best.alpha:.3f}, beta {best.beta:.3f}",
    )
    figure.colorbar(points, label=result.measure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=120)
    pyplot.close(figure)
