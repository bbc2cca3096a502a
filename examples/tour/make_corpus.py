"""Makes the speech the guided tour trains on, with espeak-ng, a formant synthesiser.

    apt-get install espeak-ng
    python examples/tour/make_corpus.py

Three sets come of it. Voices in dev and test are never heard in training, and no phrase is in two
of train, dev and test.

    english     what the source model learns: numbers, colours and things
    kitchen     few clips of other English words: for fine-tuning, as the alphabet is the same
    ukrainian   few clips in another alphabet: for transfer-learning
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import Alphabet

SAMPLE_RATE_HZ = 16000
SETS = ("train", "dev", "test")


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


# Variants of espeak-ng's voices: each is a speaker, heard in one of the sets only.
SPEAKERS = {
    "train": words("m1 m2 m4 m5 m7 f1 f2 f4 Andy Lee Mario Michael adam anika ed linda steph"),
    "dev": words("m3 f5 Denis Alicia"),
    "test": words("m6 f3 edward Annie max belinda"),
}


@dataclass(frozen=True)
class Language:
    """What is said in one set, and by which voices.

    Attributes:
        name: of the folder.
        voices: accents, in espeak-ng's names.
        patterns: phrases are made of one word of each list, in order.
        letters: of the alphabet.
        clips: how many there are in train, dev and test.
    """

    name: str
    voices: Sequence[str]
    patterns: Sequence[Sequence[Sequence[str]]]
    letters: str
    clips: tuple[int, int, int]


NUMBERS = words("zero one two three four five six seven eight nine ten")
COLOURS = words("red green blue yellow black white brown")
ENGLISH = (
    (
        words("open close find show take bring paint"),
        COLOURS,
        words("door box book table lamp boat ship garden"),
    ),
    (NUMBERS, NUMBERS, NUMBERS),
    (NUMBERS[2:], COLOURS, words("birds dogs horses stones chairs flowers")),
)
KITCHEN = (
    (
        words("boil cook warm serve taste wash mix peel"),
        words("the some more fresh"),
        words("soup rice milk carrots apples potatoes cheese honey butter"),
    ),
)
ENGLISH_LETTERS = " abcdefghijklmnopqrstuvwxyz'"

UKRAINIAN_NUMBERS = words("нуль один два три чотири п'ять шість сім вісім дев'ять десять")
UKRAINIAN = (
    (
        words("відкрий знайди покажи візьми принеси малюй"),
        words("червоний зелений синій жовтий чорний білий"),
        words("стіл будинок м'яч човен лист камінь ключ сад"),  # masculine, as the adjectives are
    ),
    (UKRAINIAN_NUMBERS, UKRAINIAN_NUMBERS, UKRAINIAN_NUMBERS),
)
UKRAINIAN_LETTERS = " 'абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"

LANGUAGES = (
    Language("english", ("en-us", "en-gb"), ENGLISH, ENGLISH_LETTERS, (480, 40, 60)),
    Language("kitchen", ("en-us", "en-gb"), KITCHEN, ENGLISH_LETTERS, (100, 24, 40)),
    Language("ukrainian", ("uk",), UKRAINIAN, UKRAINIAN_LETTERS, (120, 32, 60)),
)


def choose_phrases(language: Language) -> list[list[str]]:
    """Return the phrases of train, dev and test, of each pattern about the same number."""
    pools = [
        [" ".join(phrase) for phrase in itertools.product(*pattern)]
        for pattern in language.patterns
    ]
    for pool in pools:
        random.Random(pool[0]).shuffle(pool)
    mixed = list(itertools.chain.from_iterable(zip(*pools, strict=False)))
    held_out = len(mixed) // 5
    parts = mixed[2 * held_out :], mixed[:held_out], mixed[held_out : 2 * held_out]
    for part, count in zip(parts, language.clips, strict=True):
        if len(part) < count:
            raise ValueError(f"{language.name}: {len(part)} phrases are too few for {count} clips")
    return [part[:count] for part, count in zip(parts, language.clips, strict=True)]


def speak(voice: str, text: str, rng: random.Random) -> NDArray[np.float32]:
    """Return `[samples]` of speech at the model's rate; speed, pitch, level and noise vary."""
    words_a_minute, pitch = rng.randint(130, 165), rng.randint(30, 70)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/speech.wav"
        options = ["-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "-z", "-w", path]
        subprocess.run(["espeak-ng", *options, text], check=True)
        samples, rate_hz = soundfile.read(path, dtype="float32")
    samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(size=len(samples))
    level_db, noise_db = rng.uniform(-9, -1), rng.uniform(-60, -50)
    speech = samples / np.abs(samples).max() + 10 ** (noise_db / 20) * noise
    return np.asarray(np.clip(10 ** (level_db / 20) * speech, -1, 1), np.float32)


def make_set(language: Language, set_name: str, phrases: Sequence[str], folder: Path) -> float:
    """Write one set's audio and its CSV; return its length in seconds."""
    rng = random.Random(f"{language.name} {set_name}")
    audio = folder / "audio" / set_name
    audio.mkdir(parents=True, exist_ok=True)
    rows, seconds = [], 0.0
    for index, phrase in enumerate(phrases):
        speakers = SPEAKERS[set_name]
        voice = f"{rng.choice(language.voices)}+{speakers[index % len(speakers)]}"
        samples = speak(voice, phrase, rng)
        path = audio / f"{index:03}_{voice}.ogg"
        soundfile.write(
            path, samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=0.94
        )
        seconds += len(samples) / SAMPLE_RATE_HZ
        rows.append([path.relative_to(folder).as_posix(), path.stat().st_size, phrase])
    with (folder / f"{set_name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["wav_filename", "wav_filesize", "transcript"])
        writer.writerows(rows)
    return seconds


def main() -> None:
    """Write every set of every language."""
    parser = argparse.ArgumentParser(description="Make the guided tour's speech with espeak-ng.")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder (default: this one)"
    )
    output = parser.parse_args().output
    for language in LANGUAGES:
        folder = output / language.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alphabet.txt").write_bytes(
            Alphabet.from_labels(language.letters).serialize_text()
        )
        for set_name, phrases in zip(SETS, choose_phrases(language), strict=True):
            seconds = make_set(language, set_name, phrases, folder)
            print(f"{language.name} {set_name}: {len(phrases)} clips, {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()
