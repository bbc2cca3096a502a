"""KenLM's command-line tools, which ship with this package."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, cast

from ..errors import UserError

_DISTRIBUTION = "coqui-stt"
_SHIPPED = "coqui_stt_training/lm/bin"
_HOW_TO_GET = {
    "lmplz": (
        "install Boost's headers (apt-get install libboost-program-options-dev "
        "libboost-thread-dev), then reinstall this package"
    ),
    "build_binary": (
        "reinstall this package with access to a package index, or with the path of "
        "kenlm-0.3.0.tar.gz in the environment variable STT_KENLM_SDIST"
    ),
}


_NO_BACKOFF = b"Bad backoff -inf"  # build_binary's error for what lmplz writes for small texts
# The beginning of KenLM's exceptions: a place in its source code, and the condition there.
_EXCEPTION = re.compile(r"^\S+\.\w+:\d+ in .*? threw [\w:]+(?: because `.*?')?\.\s*")


class LanguageModelError(UserError):
    """A language model could not be made."""


def find_program(name: str, kenlm_bins: str = "") -> Path:
    """Return the path of `lmplz` or `build_binary`.

    Args:
        name: name of the program.
        kenlm_bins: the only folder to search; empty: this package, then `PATH`.

    Raises:
        LanguageModelError: the program was not found; the message says how to get it.
    """
    if kenlm_bins:
        program = Path(kenlm_bins) / name
        if not program.is_file():
            raise LanguageModelError(f"--kenlm_bins {kenlm_bins}: no {name} in this folder")
        return program
    shipped = Path(__file__).parent / "bin" / name
    if shipped.is_file():
        return shipped
    try:
        installed = importlib.metadata.distribution(_DISTRIBUTION).locate_file(f"{_SHIPPED}/{name}")
        if Path(str(installed)).is_file():
            return Path(str(installed))
    except importlib.metadata.PackageNotFoundError:
        pass  # run from the sources
    found = shutil.which(name)
    if found:
        return Path(found)
    raise LanguageModelError(
        f"{name} was not built with this package: {_HOW_TO_GET[name]}, or give the folder of a "
        "KenLM build with --kenlm_bins"
    )


def run_lmplz(
    program: Path,
    lines: Iterable[str],
    arpa_path: Path,
    *,
    order: int,
    memory: str,
    prune: Sequence[str],
    discount_fallback: bool,
) -> None:
    """Estimate an n-gram model of sentences, which are streamed to `lmplz`.

    Args:
        program: path of `lmplz`.
        lines: sentences, without line ends.
        arpa_path: ARPA file to write; temporary files are written beside it.
        order: length of the longest n-grams.
        memory: memory limit in the syntax of `lmplz -S`, for instance `85%`.
        prune: pruning threshold of each order: n-grams with this count or less are removed.
        discount_fallback: whether to accept texts too small to estimate Kneser-Ney discounts.

    Raises:
        LanguageModelError: `lmplz` failed; the message quotes its last lines.
    """
    command = [
        str(program),
        *("--order", str(order), "--memory", memory),
        *("--temp_prefix", f"{arpa_path.parent}/", "--arpa", str(arpa_path)),
        *(("--prune", *prune) if prune else ()),
        *(("--discount_fallback",) if discount_fallback else ()),
    ]
    log_path = arpa_path.with_suffix(".log")
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        text = cast("IO[bytes]", process.stdin)  # not None, since stdin is a pipe
        try:
            for line in lines:
                text.write(line.encode() + b"\n")
            text.close()
        except BrokenPipeError:
            pass  # lmplz has exited; its log says why
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
    if status != 0:
        raise LanguageModelError(_explain_lmplz(log_path.read_text(errors="replace"), memory))
    log_path.unlink()


def run_build_binary(
    program: Path, arpa_path: Path, binary_path: Path, *, a_bits: int, q_bits: int, kind: str
) -> None:
    """Convert an ARPA file to the binary format that scorers contain.

    Raises:
        LanguageModelError: `build_binary` failed; the message quotes its last lines.
    """

    def build(arpa: Path) -> subprocess.CompletedProcess[bytes]:
        options = ("-a", str(a_bits), "-q", str(q_bits), "-v", kind)
        return subprocess.run(
            [str(program), *options, str(arpa), str(binary_path)], capture_output=True, check=False
        )

    done = build(arpa_path)
    if done.returncode != 0 and _NO_BACKOFF in done.stderr:
        bounded = arpa_path.with_suffix(".bounded")
        _bound_backoffs(arpa_path, bounded)
        done = build(bounded)
    if done.returncode != 0:
        raise LanguageModelError(
            f"build_binary failed: {_last_lines(done.stderr.decode(errors='replace'))}"
        )


def _bound_backoffs(arpa_path: Path, bounded_path: Path) -> None:
    """Copy an ARPA file and replace back-off weights of -inf by -99, ARPA's zero probability.

    For small texts lmplz writes -inf for words that no unseen word may follow. build_binary refuses
    this value.
    """
    with arpa_path.open("rb") as arpa, bounded_path.open("wb") as bounded:
        for line in arpa:
            bounded.write(line.replace(b"\t-inf\n", b"\t-99\n"))


def _explain_lmplz(log: str, memory: str) -> str:
    if "BadDiscountException" in log:
        return (
            "the text is too short or too repetitive to estimate a language model from; add "
            "--discount_fallback, which small texts need, or give more text"
        )
    if "memory size" in log or "minimum block" in log or "std::bad_alloc" in log:
        return (
            f"--max_arpa_memory {memory}: KenLM cannot use this value; give a percentage of the "
            "machine's memory, such as 85%, or an amount, such as 512M"
        )
    return f"lmplz failed: {_last_lines(log)}"


def _last_lines(log: str) -> str:
    lines = [_EXCEPTION.sub("", line.strip()) for line in log.splitlines()]
    said = [line for line in lines if line and not line.startswith("Byte: ") and line != "ERROR"]
    return " ".join(said[-3:]) or "no message; the disk may be full"
