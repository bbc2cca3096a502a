"""What `check` does after its flags are read."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coqui_stt_ctcdecoder import Alphabet
from stt.atomic_file import write_atomically
from stt.audio.reference import AudioReference
from stt.cores import available_cores
from stt.engines import Engine, open_engine
from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig
from stt.output_path import check_output_file

from ..corpus import Clip, CorpusFiles, CorpusRules, alphabet_from_corpus, expand_file_list
from ..corpus.audio_scan import ScanResult
from ..corpus.report import Report, advise_on_characters
from ..corpus.validation import Examination, examine_corpus
from ..errors import CorpusError, FlagError
from . import audio_facts, suspects
from .audio_facts import FactsResult, measure_audio, scans_of
from .check_page import as_page
from .cleaned_list import write_cleaned
from .findings import Findings, as_json, as_text
from .results_file import ResultsFile, state_key
from .survey import survey_corpus
from .suspects import Suspect, most_suspect, rank_suspects, score_clips

if TYPE_CHECKING:
    from ..check import CheckFlags
    from ..cli.config import LogFlags

_log = logging.getLogger(__name__)


def run_check(
    data: Sequence[str], flags: CheckFlags, output: LogFlags, show: Callable[[str], object]
) -> int:
    """Check data, show what was found, and return the exit status.

    Args:
        data: corpus files.
        flags: what is asked for.
        output: of the log and progress.
        show: is given the findings, as text or JSON.

    Raises:
        UserError: no set can be read, files that cannot be written, a model that cannot be read.
    """
    paths = list(dict.fromkeys(expand_file_list(data)))
    cache = Path(flags.cache_file) if flags.cache_file else _usual_cache(paths)
    engine = _open_model(flags.checkpoint_dir)
    examination, measured = _examine(paths, engine, flags, output, cache)
    report = examination.report
    report.advice = "\n".join([*advise_on_characters(report), *_how_to_go_on(report, flags.fix)])
    clips = {one.path: one.clips for one in examination.sets["train"]}
    found = _find_suspects(engine, flags, output, cache, clips) if engine else []
    findings = Findings(
        survey_corpus(examination.files, clips, measured),
        report,
        tuple(found),
        flags.checkpoint_dir,
    )
    show(
        json.dumps(as_json(findings), ensure_ascii=False, indent=1)
        if flags.json
        else as_text(findings)
    )
    if flags.html:
        write_atomically(flags.html, as_page(findings))
        _log.info("Wrote %s", flags.html)
    if flags.fix:
        written, left_out = write_cleaned(
            Path(flags.fix), examination.files, clips, findings, drop_suspects=flags.fix_suspects
        )
        for one in written:
            _log.info("Wrote %s: %d clips; %d left out", one.path, one.kept, one.left_out)
        _log.info("Rows left out, with reasons: %s", left_out)
    return 1 if report.file_problems or report.row_problems else 0


def _examine(
    paths: Sequence[str],
    engine: Engine | None,
    flags: CheckFlags,
    output: LogFlags,
    cache: Path | None,
) -> tuple[Examination, Mapping[AudioReference, FactsResult]]:
    """Look at all rows and all audio; return what is wrong, and what was measured.

    Raises:
        CorpusError: no set can be read.
    """
    files = CorpusFiles(large_bytes=1 << 62)  # all audio is looked at, however much it is
    alphabet, features = _target(engine, flags, paths, files)
    measured: dict[AudioReference, FactsResult] = {}

    def scan(references: Iterable[AudioReference]) -> Mapping[AudioReference, ScanResult]:
        with ResultsFile(cache, audio_facts.KIND) as results:
            measured.update(
                measure_audio(
                    references,
                    results,
                    workers=flags.workers or None,
                    show_progressbar=output.show_progressbar,
                )
            )
        return scans_of(measured)

    examination = examine_corpus(
        {"train": paths},
        CorpusRules(alphabet, features, normalize_transcripts=flags.normalize_transcripts),
        files=files,
        scan=scan,
    )
    if not examination.files:
        raise CorpusError(str(examination.report))
    return examination, measured


def _how_to_go_on(report: Report, fix: str) -> list[str]:
    """Return what to do about rows that cannot be used."""
    if fix or not report.row_problems:
        return []
    them = "this row" if report.bad_row_count == 1 else f"these {report.bad_row_count} rows"
    return [
        f"Correct {them}, or leave {them} out: --fix cleaned.csv writes a list without {them}, "
        f"and training skips {them} with --on_bad_row skip"
    ]


def _usual_cache(paths: Sequence[str]) -> Path | None:
    """Return where results are kept unless a flag says; None where nothing can be written there."""
    cache = default_cache(paths)
    try:
        check_output_file("--cache_file", cache)
    except FlagError as error:
        _log.warning("%s. An interrupted check will start from the beginning", error)
        return None
    return cache


def default_cache(paths: Sequence[str]) -> Path:
    """Return where results on these files are kept: in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = "\0".join(str(Path(path).absolute()) for path in paths)
    digest = hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()[:16]
    return home / "coqui-stt" / "check" / f"{digest}.jsonl"


def _open_model(location: str) -> Engine | None:
    return open_engine(location, threads=1, parallel=available_cores()) if location else None


def _target(
    engine: Engine | None, flags: CheckFlags, paths: Sequence[str], files: CorpusFiles
) -> tuple[Alphabet, FrontEnd]:
    """Return what transcripts must be written in, and what says how many frames audio has."""
    if engine:
        info = engine.info
        step_milliseconds = max(1, round(info.step_seconds * 1000))
        return info.alphabet, FeatureConfig(
            info.sample_rate_hz, max(step_milliseconds, 20), step_milliseconds
        )
    if flags.alphabet_config_path:
        return Alphabet(flags.alphabet_config_path), FeatureConfig()
    readable = [path for path in paths if _is_readable(path, files)]
    alphabet = alphabet_from_corpus(readable, files=files) if readable else Alphabet()
    return alphabet, FeatureConfig()


def _is_readable(path: str, files: CorpusFiles) -> bool:
    try:
        return any(row.transcript and not row.problem for row in files.rows(path).rows)
    except CorpusError:  # reported with all else
        return False


def _find_suspects(
    engine: Engine,
    flags: CheckFlags,
    output: LogFlags,
    cache: Path | None,
    clips: Mapping[str, Sequence[Clip]],
) -> list[Suspect]:
    every = [clip for some in clips.values() for clip in some]
    kept = cache and cache.with_name(f"{cache.stem}-scores.jsonl")
    with ResultsFile(kept, suspects.KIND) as results:
        scores = score_clips(
            engine,
            state_key(Path(flags.checkpoint_dir)),
            every,
            results,
            show_progressbar=output.show_progressbar,
        )
    return most_suspect(rank_suspects(every, scores), flags.suspects)
