"""Time and memory before the first training step with very many clips: from CSV to batch order.

python benchmarks/manifest.py --rows 10000000

writes a CSV file with that number of rows (110 bytes each). The rows name a thousand real
recordings through links to their folder. Then it does what `train` does before the first step:
reading, all checks, grouping by length, the order of an epoch, and its first batch. It does this
twice, each time in a new process; the second time the rows are in the data cache, as in a second
run. `--rows_in_memory` does the same with rows as Python objects, for comparison with fewer rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

WORDS = ("the", "of", "and", "to", "in", "is", "that", "it", "was", "for", "on", "are", "with")
RECORDINGS = 1000


def write_corpus(folder: Path, rows: int) -> Path:
    """Write recordings, and a manifest that names each of them many times."""
    chance = random.Random(1)
    recorded = folder / "recorded"
    recorded.mkdir()
    sizes = []
    for number in range(RECORDINGS):
        count = chance.randrange(80_000, 200_000)
        with wave.open(str(recorded / f"{number:03d}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, count, "NONE", ""))
            file.writeframes(chance.randbytes(2 * count))
        sizes.append(2 * count + 44)
    path = folder / "train.csv"
    texts = [" ".join(chance.choices(WORDS, k=20)) for _ in range(9973)]
    with path.open("w", encoding="utf-8") as file:
        file.write("wav_filename,wav_filesize,transcript\n")
        for first in range(0, rows, RECORDINGS):
            part = folder / f"part-{first // RECORDINGS:06d}"
            part.symlink_to(recorded)
            file.writelines(
                f"{part.name}/{number:03d}.wav,{sizes[number]},{texts[(first + number) % 9973]}\n"
                for number in range(min(RECORDINGS, rows - first))
            )
    return path


def begin(path: Path, in_memory: bool) -> dict[str, float]:
    """Do what `train` does before the first step; return seconds and peak memory."""
    started, cpu = time.monotonic(), time.process_time()
    from coqui_stt_ctcdecoder import Alphabet
    from coqui_stt_training.batches.feature_store import FeatureStore
    from coqui_stt_training.batches.loader import BatchLoader
    from coqui_stt_training.batches.sampler import BatchOrder, Sampler, make_batches
    from coqui_stt_training.corpus import CorpusFiles, CorpusRules, check_corpus
    from stt.frontends.mfcc_config import FeatureConfig

    alphabet = Alphabet.from_labels([" ", *"abcdefghijklmnopqrstuvwxyz"])
    files = CorpusFiles(large_bytes=1 << 60) if in_memory else CorpusFiles()
    digest = files.digest(str(path))
    corpus = check_corpus(
        CorpusRules(alphabet, FeatureConfig()),
        train=[str(path)],
        files=files,
    )
    groups = make_batches(corpus.train[0].clips, 32)
    sampler = Sampler(groups, BatchOrder(True, 0, 1000, 1))
    loader = BatchLoader(FeatureStore(FeatureConfig()), alphabet)
    batch = loader.load(sampler.epoch(0)[0].clips)
    again = sampler.epoch(0, len(sampler) // 2)[0].clips
    assert len(batch.clips) == len(again) == 32
    assert digest
    return {
        "clips": len(corpus.train[0].clips),
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rows_in_memory", action="store_true")
    parser.add_argument("--begin", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.begin:
        print(json.dumps(begin(args.begin, args.rows_in_memory)))
        return
    with tempfile.TemporaryDirectory() as name:
        path = write_corpus(Path(name), args.rows)
        print(f"{args.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB of CSV")
        environment = {**os.environ, "STT_DATA_CACHE": str(Path(name) / "cache")}
        flags = ["--rows_in_memory"] if args.rows_in_memory else []
        for run in ("first", "second"):
            output = subprocess.run(
                [sys.executable, __file__, "--begin", str(path), *flags],
                env=environment, check=True, stdout=subprocess.PIPE,
            ).stdout  # fmt: skip
            found = json.loads(output)
            print(
                f"{run} start: {found['clips']:,.0f} clips, {found['seconds']:.1f} s, "
                f"{found['cpu_seconds']:.1f} CPU s, peak {found['peak_mb']:,.0f} MB"
            )


if __name__ == "__main__":
    main()
