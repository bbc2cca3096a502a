"""The decoder gives upstream's results, in every configuration for which there are references."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import (
    Alphabet,
    DecodeResult,
    Scorer,
    StreamingDecoder,
    UTF8Alphabet,
    ctc_beam_search_decoder_batch,
)
from kernels import DECODER

ORACLE = Path(__file__).resolve().parents[2] / "../shared/oracle/decoder"
CONFIGS = sorted(path.name.removesuffix(".json.gz") for path in ORACLE.glob("expected/*.json.gz"))

pytestmark = [
    pytest.mark.skipif(not CONFIGS, reason=f"no decoder goldens under {ORACLE}"),
    pytest.mark.filterwarnings("ignore:hot words without a scorer"),
]


@functools.cache
def sets() -> dict[str, Any]:
    return json.loads((ORACLE / "sets.json").read_text())


@functools.cache
def posteriors(name: str) -> dict[str, NDArray[np.float32]]:
    with np.load(ORACLE / f"posteriors/{name}.npz") as arrays:
        return dict(arrays)


def alphabet_of(name: str) -> Alphabet:
    entry = sets()[name]
    return UTF8Alphabet() if entry["kind"] == "bytes" else Alphabet.from_labels(entry["labels"])


def load(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with gzip.open(ORACLE / f"expected/{name}.json.gz") as file:
        golden = json.load(file)
    return golden["config"], golden["results"]


def decode_all(config: dict[str, Any], utterances: list[str]) -> dict[str, list[DecodeResult]]:
    alphabet = alphabet_of(config["set"])
    scorer = None
    if config["scorer"]:
        path = ORACLE / f"scorers/{config['scorer']}.scorer"
        scorer = Scorer(config["alpha"], config["beta"], str(path), alphabet)
    rows = [posteriors(config["set"])[name] for name in utterances]
    lengths = [len(row) for row in rows]
    batch = np.full((len(rows), max(lengths), rows[0].shape[1]), np.nan, np.float32)
    for target, row in zip(batch, rows, strict=True):
        target[: len(row)] = row
    results = ctc_beam_search_decoder_batch(
        batch,
        lengths,
        alphabet,
        config["beam_size"],
        2,
        config["cutoff_prob"],
        config["cutoff_top_n"],
        scorer,
        config["hot_words"],
        config["num_results"],
    )
    return dict(zip(utterances, results, strict=True))


@pytest.mark.parametrize("name", CONFIGS)
def test_same_results(name: str) -> None:
    check_results(name)


# The other tests run with the first kernel. Wide beams are slow and test no more of a kernel.
@pytest.mark.parametrize("kernel", DECODER.names()[1:])
@pytest.mark.parametrize("name", [name for name in CONFIGS if name.endswith(("_b8", "_b100"))])
def test_same_results_with_every_kernel(name: str, kernel: str) -> None:
    with DECODER.using(kernel):
        check_results(name)


def check_results(name: str) -> None:
    config, golden = load(name)
    results = decode_all(config, list(golden))
    wrong = []
    for utterance, expected in golden.items():
        ours = results[utterance]
        assert ours, f"{utterance}: no result"
        assert all(result.confidence > -1e5 for result in ours), f"{utterance}: a dead path"
        theirs = expected["results"]
        if not theirs or expected["dead"]:
            continue  # upstream's decoder crashed or lost every beam
        if expected["top1_stable"] is not False and ours[0].tokens != theirs[0]["tokens"]:
            wrong.append(f"{utterance}: {ours[0].transcript!r}, not {theirs[0]['transcript']!r}")
            continue
        jitter = 2 * (expected["conf_jitter"] or 0) + 2e-3
        assert ours[0].confidence == pytest.approx(theirs[0]["confidence"], abs=jitter)
        if expected["timesteps_stable"]:
            assert ours[0].timesteps == theirs[0]["timesteps"]
        if expected["nbest_stable"] and not expected.get("peer_segfaults_at_num_results"):
            alive = [result["tokens"] for result in theirs if result["confidence"] > -1e30]
            assert [result.tokens for result in ours] == alive
    assert not wrong


@pytest.mark.parametrize("name", ["en_lm_b100", "en_nolm_b100", "rub_lm_b100"])
@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_streaming_equals_one_call(name: str, chunk: int) -> None:
    config, golden = load(name)
    utterance = next(iter(golden))
    whole = decode_all(config, [utterance])[utterance]
    alphabet = alphabet_of(config["set"])
    scorer = (
        Scorer(
            config["alpha"], config["beta"], ORACLE / f"scorers/{config['scorer']}.scorer", alphabet
        )
        if config["scorer"]
        else None
    )
    decoder = StreamingDecoder(alphabet, config["beam_size"], scorer=scorer)
    probs = posteriors(config["set"])[utterance]
    for start in range(0, len(probs), chunk):
        decoder.feed(probs[start : start + chunk])
        decoder.decode()
    assert decoder.frames == len(probs)
    assert decoder.decode(config["num_results"]) == whole
