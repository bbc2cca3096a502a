"""The time that training waits for input: features from memory, from a cache, and from audio.

OMP_NUM_THREADS=1 python benchmarks/input.py train.csv alphabet.txt --clips 200

trains DeepSpeech on the same batches in the same order, in epochs with three kinds of input,
interleaved: features in memory; features from `--feature_cache`, without memory; features computed
from audio each time. It prints the median time of a step, the share of it that waited for input,
and ratios to the first, also of the CPU time of the whole process: on a CPU, input and model share
the cores.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from augmentation import timed  # in this folder

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.batches.cache_folder import CacheFolder
from coqui_stt_training.batches.feature_cache import FeatureCache
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.batches.sampler import make_batches
from coqui_stt_training.corpus import CorpusRules, check_corpus
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.training.optimizer import Adam
from stt.frontends.mfcc_config import FeatureConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("alphabet")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--n_hidden", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    features, alphabet = FeatureConfig(), Alphabet(args.alphabet)
    corpus = check_corpus(CorpusRules(alphabet, features), train=[args.train])
    groups = make_batches(corpus.train[0].clips[: args.clips], args.batch_size)
    model = build(Geometry(args.n_hidden, alphabet.size + 1))
    model.initialize(1)
    optimizer = Adam(model, 1e-4, 0.9, 0.999, 1e-8)
    with tempfile.TemporaryDirectory() as folder:
        stores = {
            "memory": FeatureStore(features),
            "cache": FeatureStore(features, FeatureCache(CacheFolder(Path(folder)), features), 0),
            "audio": FeatureStore(features, None, 0),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
        cpu = dict.fromkeys(stores, 0.0)
        for epoch in range(args.epochs + 1):
            for name, store in stores.items():
                began = time.process_time()
                steps = list(timed(BatchLoader(store, alphabet)(groups), model, optimizer))
                if epoch:  # the first round fills memory and cache
                    found[name] += steps
                    cpu[name] += time.process_time() - began
    for name, steps in found.items():
        step = statistics.median(took for _, took in steps)
        first = statistics.median(took for _, took in found["memory"])
        waited = sum(one for one, _ in steps) / sum(took for _, took in steps)
        print(
            f"{name:>6}: {1000 * step:.0f} ms a step, {100 * waited:.1f} % of it waiting; "
            f"{step / first:.3f} times the time, {cpu[name] / cpu['memory']:.3f} times the CPU"
        )


if __name__ == "__main__":
    main()
