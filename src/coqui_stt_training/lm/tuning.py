"""Find the alpha and beta of a scorer that give the lowest error rate.

The acoustic model runs once; every trial is a beam search over its posteriors. Trials are stored in
a journal file, so that an interrupted search can be continued.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coqui_stt_ctcdecoder import Scorer, ctc_beam_search_decoder_batch
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.scorer_file import set_parameters
from stt.atomic_file import replacing, write_atomically
from stt.counted import counted

from ..scoring.metrics import SampleResult, score_sample, score_set
from .posteriors import PosteriorSet

if TYPE_CHECKING:
    import optuna
    from optuna import Study
    from optuna.storages import BaseStorage

_log = logging.getLogger(__name__)
_FOLDS = 10
_STUDY = "tuning-2"  # the format of the trials; change it when what a trial stores changes


@dataclass(frozen=True)
class TuningOptions:
    """Options of the search.

    Attributes:
        n_trials: total number of trials, including those of earlier runs within the bounds.
        alpha_max: upper bound of alpha; the lower bound is 0.
        beta_max: upper bound of beta; the lower bound is 0.
        beam_width: number of prefixes kept while decoding.
        cutoff_prob: see `ctc_beam_search_decoder`.
        cutoff_top_n: see `ctc_beam_search_decoder`.
        threads: number of clips decoded in parallel.
        seed: seed of the sampler.
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
class TuningRates:
    """Word error rate and character error rate of a set of clips."""

    wer: float
    cer: float

    def __str__(self) -> str:
        return f"WER {self.wer:.3f}, CER {self.cer:.3f}"


@dataclass(frozen=True)
class Trial:
    """A pair of parameters, and the errors of decoding with it.

    Attributes:
        alpha: weight of the language model.
        beta: bonus for each word.
        word_errors: number of word errors in each fold, a tenth of the clips.
        character_errors: number of character errors in each fold.
    """

    alpha: float
    beta: float
    word_errors: tuple[int, ...]
    character_errors: tuple[int, ...]


@dataclass(frozen=True)
class TuningResult:
    """The outcome of a search.

    Attributes:
        trials: all trials within the bounds, in order.
        measure: error rate that was minimised: `WER`, or `CER` if the model writes bytes.
        words: number of words in the references.
        characters: number of characters in the references.
        without: error rates without a scorer.
    """

    trials: tuple[Trial, ...]
    measure: str
    words: int
    characters: int
    without: TuningRates

    def rates(self, trial: Trial) -> TuningRates:
        """Return the error rates of a trial."""
        return self._rates(sum(trial.word_errors), sum(trial.character_errors))

    def error(self, trial: Trial) -> float:
        """Return the error rate of a trial that the search minimises."""
        rates = self.rates(trial)
        return rates.cer if self.measure == "CER" else rates.wer

    @property
    def best(self) -> Trial:
        """The trial with the fewest errors."""
        return self.ranked()[0]

    @property
    def expected(self) -> TuningRates:
        """The error rates to expect on other clips, by cross-validation.

        The error rates of the best trial are too optimistic, since it was chosen by them. Here the
        errors of each fold are those of the trial that is best on the other nine.
        """
        words = characters = 0
        for fold in range(_FOLDS):
            chosen = min(self.trials, key=partial(_rank, self.measure, left_out=fold))
            words += chosen.word_errors[fold]
            characters += chosen.character_errors[fold]
        return self._rates(words, characters)

    def ranked(self) -> list[Trial]:
        """Return the trials, the best first."""
        return sorted(self.trials, key=partial(_rank, self.measure))

    def _rates(self, words: int, characters: int) -> TuningRates:
        return TuningRates(words / max(self.words, 1), characters / max(self.characters, 1))


def _rank(measure: str, trial: Trial, left_out: int | None = None) -> tuple[int, int]:
    """Return the sort key of a trial: its errors by the measure, then those by the other one.

    Errors of the fold `left_out` do not count.
    """
    words, characters = (
        sum(count for fold, count in enumerate(errors) if fold != left_out)
        for errors in (trial.word_errors, trial.character_errors)
    )
    return (characters, words) if measure == "CER" else (words, characters)


def decode_all(
    posteriors: PosteriorSet, alphabet: Alphabet, scorer: Scorer | None, options: TuningOptions
) -> list[SampleResult]:
    """Decode all clips, and compare each transcript with its reference."""
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
    return [
        score_sample("", reference, hypotheses[0].transcript, 0.0)
        for reference, hypotheses in zip(posteriors.transcripts, results, strict=True)
    ]


@contextmanager
def _only_warnings() -> Iterator[None]:
    """Set Optuna's log level, which is global, to warnings; restore it afterwards."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@_only_warnings()
def tune(
    posteriors: PosteriorSet,
    alphabet: Alphabet,
    scorer: Scorer,
    options: TuningOptions,
    journal: Path | None = None,
    on_trial: Callable[[], None] = lambda: None,
) -> TuningResult:
    """Search for the best alpha and beta.

    Args:
        posteriors: posteriors of the acoustic model on a development set.
        alphabet: alphabet of the model.
        scorer: scorer to tune; its alpha and beta are set to the best values.
        options: options of the search.
        journal: file that stores the trials; an existing one is continued. None: store nothing.
        on_trial: called after each trial.
    """
    import optuna

    study = optuna.create_study(
        study_name=_fingerprint(posteriors, scorer, options),
        storage=_open_journal(journal),
        load_if_exists=True,
    )
    done = _finished(study, options)
    # A continued search needs another seed: with the same one it would repeat its first trials.
    study.sampler = optuna.samplers.TPESampler(seed=options.seed + len(done), multivariate=True)
    measure = "CER" if scorer.is_utf8_mode() else "WER"
    plain = decode_all(posteriors, alphabet, None, options)

    def objective(suggested: optuna.Trial) -> float:
        trial = _run_trial(suggested, posteriors, alphabet, scorer, options)
        on_trial()
        first, second = _rank(measure, trial)
        return first + second / (second + 1)  # the second count only breaks ties

    if not study.trials:
        # The scorer's own values may be good already, and are the baseline of the search.
        alpha = min(max(scorer.alpha, 0), options.alpha_max)
        beta = min(max(scorer.beta, 0), options.beta_max)
        study.enqueue_trial({"lm_alpha": alpha, "lm_beta": beta}, skip_if_exists=True)
    if done:
        _log.info("Continuing after %s in %s", counted(len(done), "trial"), journal)
    study.optimize(objective, n_trials=max(options.n_trials - len(done), 0))
    without = score_set(plain)
    result = TuningResult(
        trials=tuple(_finished(study, options)),
        measure=measure,
        words=sum(sample.word_length for sample in plain),
        characters=sum(sample.char_length for sample in plain),
        without=TuningRates(without.wer, without.cer),
    )
    scorer.reset_params(result.best.alpha, result.best.beta)
    return result


def _run_trial(
    suggested: optuna.Trial,
    posteriors: PosteriorSet,
    alphabet: Alphabet,
    scorer: Scorer,
    options: TuningOptions,
) -> Trial:
    """Decode with the suggested parameters, and store the errors in the journal."""
    alpha = suggested.suggest_float("lm_alpha", 0, options.alpha_max)
    beta = suggested.suggest_float("lm_beta", 0, options.beta_max)
    scorer.reset_params(alpha, beta)
    samples = decode_all(posteriors, alphabet, scorer, options)
    trial = Trial(
        alpha,
        beta,
        _by_fold(sample.word_distance for sample in samples),
        _by_fold(sample.char_distance for sample in samples),
    )
    suggested.set_user_attr("word_errors", trial.word_errors)
    suggested.set_user_attr("character_errors", trial.character_errors)
    return trial


def _by_fold(errors: Iterable[int]) -> tuple[int, ...]:
    sums = [0] * _FOLDS
    for index, count in enumerate(errors):
        sums[index % _FOLDS] += count
    return tuple(sums)


def _fingerprint(posteriors: PosteriorSet, scorer: Scorer, options: TuningOptions) -> str:
    # Trials are comparable only on the same clips, with the same scorer and the same beam search.
    digest = hashlib.sha256()
    for rows, text in zip(posteriors.probs, posteriors.transcripts, strict=True):
        digest.update(f"{len(rows)} {text}\n".encode())
        digest.update(rows[-1].tobytes())
    settings = (options.beam_width, options.cutoff_prob, options.cutoff_top_n)
    digest.update(f"{settings} {scorer.dictionary_size()}".encode())
    digest.update(scorer.model_sample())
    return f"{_STUDY}-{digest.hexdigest()[:16]}"


def _open_journal(path: Path | None) -> BaseStorage | None:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path)))


def _finished(study: Study, options: TuningOptions) -> list[Trial]:
    """Return the finished trials within the bounds; earlier searches may have had wider bounds."""
    from optuna.trial import TrialState

    trials = [
        Trial(
            trial.params["lm_alpha"],
            trial.params["lm_beta"],
            tuple(trial.user_attrs["word_errors"]),
            tuple(trial.user_attrs["character_errors"]),
        )
        for trial in study.get_trials(states=(TrialState.COMPLETE,))
    ]
    return [
        trial
        for trial in trials
        if trial.alpha <= options.alpha_max and trial.beta <= options.beta_max
    ]


def write_parameters(scorer_path: Path, trial: Trial) -> None:
    """Make a trial's alpha and beta the defaults of a scorer file, atomically.

    Raises:
        ScorerError: the file is not a scorer.
        OSError: the file cannot be read or written.
    """
    with replacing(scorer_path) as partial:
        shutil.copyfile(scorer_path, partial)
        set_parameters(partial, trial.alpha, trial.beta)


def write_results(result: TuningResult, path: Path) -> None:
    """Write the outcome of a search as JSON, the best trial first.

    `expected` holds the error rates to expect on clips that the scorer was not tuned on.

    Raises:
        OSError: the file cannot be written.
    """
    trials = [
        {"lm_alpha": one.alpha, "lm_beta": one.beta, **asdict(result.rates(one))}
        for one in result.ranked()
    ]
    content = {
        "measure": result.measure,
        "words": result.words,
        "characters": result.characters,
        "without": asdict(result.without),
        "expected": asdict(result.expected),
        "trials": trials,
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")


def plot_surface(result: TuningResult, path: Path) -> None:
    """Plot the error rate over alpha and beta, as PNG.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    alphas = [trial.alpha for trial in result.trials]
    betas = [trial.beta for trial in result.trials]
    errors = [result.error(trial) for trial in result.trials]
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    is_surface = len(set(zip(alphas, betas, strict=True))) >= 4
    if is_surface and len(set(alphas)) > 1 and len(set(betas)) > 1:
        axes.tricontourf(alphas, betas, errors, levels=20, cmap="viridis_r", alpha=0.6)
    points = axes.scatter(alphas, betas, c=errors, cmap="viridis_r", s=12)
    best = result.best
    axes.plot(best.alpha, best.beta, marker="*", markersize=16, color="red", linestyle="none")
    axes.set(
        xlabel="lm_alpha",
        ylabel="lm_beta",
        title=f"best {result.measure} {result.error(best):.4f} at "
        f"alpha {best.alpha:.3f}, beta {best.beta:.3f}",
    )
    figure.colorbar(points, label=result.measure)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=120)
