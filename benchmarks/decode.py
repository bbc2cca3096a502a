# ruff: noqa: B905 - the peers' Pythons do not know zip(strict=...)
"""The speed of the decoder, compared with other decoders, on the same posteriors.

    python benchmarks/decode.py                                   # ours alone
    python benchmarks/decode.py --peers /path/to/peers/bin/python # interleaved with the others

The peers need a Python of their own (3.7 to 3.10, NumPy below 2):
    pip install coqui_stt_ctcdecoder==1.4.0 flashlight-text==0.0.7 kenlm==0.3.0 pyctcdecode==0.5.0
Each row is run `--rounds` times, interleaved with the others, each time in a new process; the best
round counts. The speed is in seconds of audio per second of CPU time, on one thread. Slow peers
decode fewer utterances (`--share` of them), and their error rates are only for those.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ORACLE = Path(__file__).resolve().parents[1] / "../shared/oracle/decoder"
FRAMES_PER_SECOND = 50
ALPHA, BETA = 0.93, 1.18
# system, language model, beam width, share of the utterances that a peer decodes
ROWS = [
    ("ours", True, 100, 1.0),
    ("upstream", True, 100, 0.5),
    ("ours", True, 500, 1.0),
    ("upstream", True, 500, 0.2),
    ("flashlight", True, 500, 0.2),
    ("pyctcdecode", True, 500, 0.5),
    ("ours", True, 1024, 1.0),
    ("upstream", True, 1024, 0.1),
    ("ours", False, 500, 1.0),
    ("upstream", False, 500, 0.05),
    ("flashlight", False, 500, 0.1),
    ("ours", False, 1024, 1.0),
    ("upstream", False, 1024, 0.04),
]

Decode = Callable[[Any], str]


def make_ours(labels: list[str], with_scorer: bool, beam: int) -> Decode:
    import coqui_stt_ctcdecoder as decoder

    alphabet = decoder.Alphabet.from_labels(labels)
    path = ORACLE / "scorers/en5.scorer"
    scorer = decoder.Scorer(ALPHA, BETA, path, alphabet) if with_scorer else None

    def decode(probs: Any) -> str:
        results = decoder.ctc_beam_search_decoder(probs, alphabet, beam, scorer=scorer)
        return results[0].transcript

    return decode


def make_upstream(labels: list[str], with_scorer: bool, beam: int) -> Decode:
    import coqui_stt_ctcdecoder as decoder

    alphabet = decoder.Alphabet()
    alphabet.InitFromLabels(labels)
    path = str(ORACLE / "scorers/en5.scorer")
    scorer = decoder.Scorer(ALPHA, BETA, path, alphabet) if with_scorer else None

    def decode(probs: Any) -> str:
        rows = probs.astype(np.float64)
        return decoder.ctc_beam_search_decoder(rows, alphabet, beam, 1.0, 40, scorer)[0].transcript

    return decode


def make_flashlight(labels: list[str], with_scorer: bool, beam: int) -> Decode:
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text import dictionary as fd

    tokens = ["|", *labels[1:], "<b>"]
    dictionary = fd.Dictionary(tokens)
    blank, silence = len(labels), 0
    if with_scorer:
        words = (ORACLE / "bench/en_vocab.txt").read_text().split()
        usable = [word for word in words if set(word) <= set(labels)]
        word_dictionary = fd.Dictionary([*usable, "<unk>"])
        model = fl.KenLM(str(ORACLE / "bench/en5.binary"), word_dictionary)
        trie = fl.Trie(len(tokens), silence)
        start = model.start(False)
        for word in usable:
            index = word_dictionary.get_index(word)
            _, score = model.score(start, index)
            trie.insert([*(dictionary.get_index(c) for c in word), silence], index, score)
        trie.smear(fl.SmearingMode.MAX)
        options = fl.LexiconDecoderOptions(
            beam, len(tokens), 25.0, ALPHA * np.log(10), BETA, -np.inf, 0.0, True,
            fl.CriterionType.CTC,
        )  # fmt: skip
        unknown = word_dictionary.get_index("<unk>")
        search = fl.LexiconDecoder(options, trie, model, silence, blank, unknown, [], False)
    else:
        free = fl.LexiconFreeDecoderOptions(
            beam, len(tokens), 25.0, 0.0, 0.0, True, fl.CriterionType.CTC
        )
        search = fl.LexiconFreeDecoder(free, fl.ZeroLM(), silence, blank, [])

    def decode(probs: Any) -> str:
        logs = np.log(probs.astype(np.float32) + 1e-30)
        if with_scorer:  # it ends words only at silences
            closing = np.full((1, logs.shape[1]), -30, np.float32)
            closing[0, silence] = 0
            logs = np.ascontiguousarray(np.concatenate([logs, closing]))
        result = search.decode(logs.ctypes.data, *logs.shape)[0]
        if with_scorer:
            return " ".join(word_dictionary.get_entry(i) for i in result.words if i >= 0)
        path = [label for label in result.tokens if label >= 0]
        kept = [b for a, b in zip([-1, *path], path) if a != b and b != blank]
        return "".join(tokens[label] for label in kept).replace("|", " ").strip()

    return decode


def make_pyctcdecode(labels: list[str], with_scorer: bool, beam: int) -> Decode:
    import logging

    from pyctcdecode import build_ctcdecoder

    logging.disable(logging.WARNING)
    words = (ORACLE / "bench/en_vocab.txt").read_text().split()
    model = str(ORACLE / "bench/en5.binary") if with_scorer else None
    search = build_ctcdecoder(
        [*labels, ""], model, words if with_scorer else None, alpha=ALPHA, beta=BETA
    )
    return lambda probs: str(search.decode(np.log(probs + 1e-30), beam_width=beam))


MAKERS = {
    "ours": make_ours,
    "upstream": make_upstream,
    "flashlight": make_flashlight,
    "pyctcdecode": make_pyctcdecode,
}


def word_errors(reference: list[str], hypothesis: list[str]) -> int:
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def measure(system: str, with_scorer: bool, beam: int, share: float) -> dict[str, float]:
    described = json.loads((ORACLE / "bench/en_bench.json").read_text())
    labels = described["info"]["labels"]
    references = {utterance["id"]: utterance["text"] for utterance in described["utts"]}
    with np.load(ORACLE / "bench/en_bench.npz") as arrays:
        names = arrays.files[: max(1, round(share * len(arrays.files)))]
        posteriors = [arrays[name] for name in names]
    decode = MAKERS[system](labels, with_scorer, beam)
    decode(posteriors[0][:50])
    start = time.process_time()
    transcripts = [decode(probs) for probs in posteriors]
    cpu_seconds = time.process_time() - start
    texts = [references[name] for name in names]
    errors = sum(word_errors(text.split(), said.split()) for text, said in zip(texts, transcripts))
    audio_seconds = sum(map(len, posteriors)) / FRAMES_PER_SECOND
    return {
        "speed": audio_seconds / cpu_seconds,
        "utterances": len(names),
        "wer": errors / sum(len(text.split()) for text in texts),
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_threads(beam: int) -> tuple[float, float]:
    """Return the wall time in seconds with one thread and with two: best of seven, interleaved."""
    import coqui_stt_ctcdecoder as decoder

    labels = json.loads((ORACLE / "sets.json").read_text())["en"]["labels"]
    alphabet = decoder.Alphabet.from_labels(labels)
    scorer = decoder.Scorer(ALPHA, BETA, ORACLE / "scorers/en5.scorer", alphabet)
    with np.load(ORACLE / "bench/en_bench.npz") as arrays:
        rows = [arrays[name] for name in arrays.files]
    lengths = [len(row) for row in rows]
    batch = np.zeros((len(rows), max(lengths), rows[0].shape[1]), np.float32)
    for target, row in zip(batch, rows):
        target[: len(row)] = row
    best = {1: float("inf"), 2: float("inf")}
    for _ in range(7):
        for threads in best:
            start = time.perf_counter()
            decoder.ctc_beam_search_decoder_batch(
                batch, lengths, alphabet, beam, threads, scorer=scorer
            )
            best[threads] = min(best[threads], time.perf_counter() - start)
    return best[1], best[2]


def run_row(python: str, row: tuple[str, bool, int, float]) -> dict[str, float] | None:
    system, with_scorer, beam, share = row
    command = [python, __file__, "--row", system, str(int(with_scorer)), str(beam), str(share)]
    environment = dict(os.environ)
    if system != "ours":  # upstream's package has the same name
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        print(f"{system}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="", help="Python that has the peers installed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", action="store_true", help="compare one thread with two")
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.row:
        system, with_scorer, beam, share = flags.row
        print(json.dumps(measure(system, with_scorer == "1", int(beam), float(share))))
        return
    if flags.threads:
        one, two = measure_threads(500)
        print(f"beam 500: one thread {one:.2f} s, two threads {two:.2f} s, ratio {one / two:.2f}")
        return
    best: dict[tuple[str, bool, int, float], dict[str, float]] = {}
    for _ in range(flags.rounds):
        for row in ROWS:
            python = sys.executable if row[0] == "ours" else flags.peers
            result = run_row(python, row) if python else None
            if result and result["speed"] > best.get(row, {"speed": 0})["speed"]:
                best[row] = result
    print("| decoder | beam | audio s / CPU s | to upstream | WER | of utterances | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for row, result in best.items():
        system, with_scorer, beam, _ = row
        rivals = [r["speed"] for key, r in best.items() if key[:3] == ("upstream", *row[1:3])]
        ratio = f"{result['speed'] / rivals[0]:.1f}" if rivals else "-"
        name = f"{system}, {'scorer' if with_scorer else 'no scorer'}"
        print(
            f"| {name} | {beam} | {result['speed']:.1f} | {ratio} | {result['wer']:.3f} "
            f"| {result['utterances']} | {result['mebibytes']:.0f} |"
        )


if __name__ == "__main__":
    main()
