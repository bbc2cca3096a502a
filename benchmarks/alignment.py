"""Errors of segment boundaries, on clips that are joined, so that the boundaries are known.

    python benchmarks/alignment.py MODEL CLIPS.csv [--hours 1]
        [--romanize | --character_map map.tsv]

MODEL is a checkpoint folder or an exported model, CLIPS.csv clips that it was not trained on. Clips
are trimmed to their loud part and joined, with 0.4 to 1.5 s of near silence between them. A tenth
of the sentences is not spoken, and a tenth of the speech is not in the text. Prints the share of
boundaries within 0.1 and 0.2 s, and the time that the alignment takes, compared with
`ctc-segmentation` (pip install ctc-segmentation) on the same posteriors. With `--romanize` or
`--character_map` the clips have another language and script than the model, and both programs get
the text in the letters of the model. To show what chance gives, the sentences are then also aligned
in a wrong order.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from coqui_stt_training.aligning.alignment import align_recording
from coqui_stt_training.aligning.envelope import Envelope, sharpen_edges
from coqui_stt_training.aligning.posteriors import recording_posteriors
from coqui_stt_training.aligning.spelling import Speller
from coqui_stt_training.corpus import CorpusFiles, Normalizer
from coqui_stt_training.corpus.romanizer import character_map, romanizer
from coqui_stt_training.errors import UserError
from stt.audio.file import read_audio
from stt.engines import open_engine

RATE_HZ = 16000


def trimmed(samples: np.ndarray) -> np.ndarray:
    frame = RATE_HZ // 100
    power = np.square(samples[: len(samples) // frame * frame]).reshape(-1, frame).mean(axis=1)
    loud = np.flatnonzero(power > np.percentile(power, 95) * 10**-3)
    return samples[loud[0] * frame : (loud[-1] + 1) * frame]


def join(path: str, hours: float, seed: int):
    """Return the samples, the text, and the times of each sentence; None if it is not spoken."""
    generator = random.Random(seed)
    noise = np.random.default_rng(seed)
    file = CorpusFiles().rows(path)
    clips = list(zip(file.rows, file.audio(), strict=True))
    parts, text, edges = [], [], []
    position = 0
    while position < hours * 3600 * RATE_HZ:
        generator.shuffle(clips)
        for row, audio in clips:
            fate = generator.random()
            pause = noise.normal(0, 1e-4, generator.randint(6400, 24000)).astype(np.float32)
            parts.append(pause)
            position += len(pause)
            if fate < 0.1:
                text.append(row.transcript)
                edges.append(None)
                continue
            samples = trimmed(read_audio(audio, RATE_HZ))
            if fate < 0.9:
                text.append(row.transcript)
                edges.append((position / RATE_HZ, (position + len(samples)) / RATE_HZ))
            parts.append(samples)
            position += len(samples)
    return np.concatenate(parts), text, edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("clips")
    parser.add_argument("--hours", type=float, default=0.25)
    parser.add_argument("--romanize", action="store_true")
    parser.add_argument("--character_map", default="")
    arguments = parser.parse_args()
    engine = open_engine(arguments.model, threads=1, parallel=2)
    samples, text, edges = join(arguments.clips, arguments.hours, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "joined.wav"
        soundfile.write(recording, samples, RATE_HZ)
        begun = time.perf_counter()
        envelope = Envelope()
        posteriors = list(recording_posteriors(engine, recording, envelope=envelope))
        model_seconds = time.perf_counter() - begun
    rewrite = romanizer("--romanize") if arguments.romanize else str
    if arguments.character_map:
        rewrite = character_map(Path(arguments.character_map))
    speller = Speller(engine.info.alphabet, rewrite)
    units = [speller.unit(one) for one in text]
    begun = time.perf_counter()
    try:
        found = align_recording(units, posteriors, engine.info)
    except UserError as error:
        print(f"refused: {error}")
    else:
        seconds = time.perf_counter() - begun
        print("as the model hears them:")
        shown(misses_of(found, edges))
        found = sharpen_edges(found, envelope.levels)
        report(found, edges, len(samples) / RATE_HZ, model_seconds, seconds)
    if rewrite is not str:
        by_chance(units, posteriors, engine, edges)
    normalize = Normalizer(engine.info.alphabet)
    spelled = [normalize(rewrite(one)).text for one in text]
    known = [
        "".join(piece for piece, is_known in engine.info.alphabet.pieces(one) if is_known)
        for one in spelled
    ]
    beside_ctc_segmentation(np.concatenate(posteriors), known, engine, edges)


def by_chance(units, posteriors, engine, edges) -> None:
    order = list(range(len(units)))
    random.Random(1).shuffle(order)
    try:
        found = align_recording([units[number] for number in order], posteriors, engine.info)
    except UserError as error:
        print(f"in another order: refused ({str(error)[:80]})")
        return
    there = [replace(unit, index=order[unit.index]) for unit in found]
    near = [abs(miss) <= 0.5 for miss in misses_of(there, edges)]
    print(f"in another order: {len(found)} found, {sum(near) // 2} of them within 0.5 s")


def report(found, edges, audio_seconds, model_seconds, seconds) -> None:
    said = {i for i, edge in enumerate(edges) if edge}
    got = {unit.index for unit in found}
    print(
        f"{audio_seconds / 60:.0f} min, {len(edges)} sentences, {len(said)} of them said: "
        f"found {len(got & said)}, and {len(got - said)} that are not said"
    )
    shown(misses_of(found, edges))
    print(f"heard in {model_seconds:.1f} s, aligned in {seconds:.2f} s")


def misses_of(found, edges) -> list[float]:
    return [
        guess - truth
        for unit in found
        if edges[unit.index]
        for guess, truth in zip((unit.start_time, unit.end_time), edges[unit.index], strict=True)
    ]


def shown(misses) -> None:
    near = [sum(abs(miss) <= limit for miss in misses) / len(misses) for limit in (0.1, 0.2)]
    early, late = np.median(misses[::2]), np.median(misses[1::2])
    print(
        f"edges within 0.1 s: {near[0]:.1%}, within 0.2 s: {near[1]:.1%}; "
        f"median of starts {early:+.3f} s, of ends {late:+.3f} s"
    )


def beside_ctc_segmentation(probs, text, engine, edges) -> None:
    try:
        import ctc_segmentation as other
    except ImportError:
        sys.exit("ctc-segmentation is not installed")
    alphabet = engine.info.alphabet
    parameters = other.CtcSegmentationParameters()
    parameters.index_duration = engine.info.step_seconds
    parameters.char_list = [*alphabet.labels, "ε"]
    parameters.blank = alphabet.blank
    parameters.space = " "
    log_probs = np.log(np.maximum(probs, 1e-6))
    begun = time.perf_counter()
    tokens = [np.array(alphabet.encode(one)) for one in text]
    matrix, starts = other.prepare_token_list(parameters, tokens)
    timings, char_probs, _ = other.ctc_segmentation(parameters, log_probs, matrix)
    segments = other.determine_utterance_segments(parameters, starts, char_probs, timings, text)
    seconds = time.perf_counter() - begun
    misses = [
        guess - truth
        for segment, edge in zip(segments, edges, strict=True)
        if edge and segment[2] > -1.5
        for guess, truth in zip(segment[:2], edge, strict=True)
    ]
    print(
        f"ctc-segmentation: aligned in {seconds:.2f} s, of those it is sure of (score above -1.5):"
    )
    shown(misses)


if __name__ == "__main__":
    main()
