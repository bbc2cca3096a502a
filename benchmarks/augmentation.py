"""The cost of augmentation: training steps with it and on cached features, interleaved.

    python benchmarks/augmentation.py train.csv [--n_hidden 256] [--batch_size 16] [--rounds 3]
        [--augment speed[p=0.5] ...]

Prints the median time of a step of each, their ratio, and the share of a step that waits for input,
in wall time; and the ratio in CPU time, which is more reliable if other programs are running.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import torch

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.augmentation.specification import parse_augmentations, settle_domains
from coqui_stt_training.batches.augmented_loader import AugmentedLoader
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.batches.sampler import BatchOrder, Sampler, make_batches
from coqui_stt_training.batches.training_pipeline import TrainingPipeline
from coqui_stt_training.corpus import CorpusRules, check_corpus
from coqui_stt_training.models.acoustic_model import Emissions, build
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.dropout import Dropout
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.optimizer import Adam
from stt.frontends.mfcc_config import FeatureConfig

AUGMENT = ("speed[p=0.5]", "reverb[p=0.1]", "volume[p=0.1,dbfs=-10~5]", "pitch[p=0.1]",
           "tempo[p=0.1,factor=1~0.2]", "warp[p=0.1]", "specaugment")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv")
    parser.add_argument("--n_hidden", type=int, default=256)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--augment", nargs="*", default=AUGMENT)
    args = parser.parse_args()
    alphabet = Alphabet.from_labels(" 'abcdefghijklmnopqrstuvwxyz")
    rules = CorpusRules(alphabet, FeatureConfig(), normalize_transcripts=True)
    corpus = check_corpus(rules, train=[args.csv], on_bad_row="skip")
    clips = [clip for one in corpus.train for clip in one.clips]
    sampler = Sampler(make_batches(clips, args.batch_size), BatchOrder(True, 0, 1000, 1))
    loader = BatchLoader(FeatureStore(FeatureConfig()), alphabet)
    asked = settle_domains(parse_augmentations(args.augment), on_hidden=False)
    augmented = AugmentedLoader(loader, asked, 1, int)
    pipelines = {
        "plain": TrainingPipeline(sampler, loader),
        "augmented": TrainingPipeline(sampler, loader, augmented, args.rounds),
    }
    model = build(Geometry(args.n_hidden, alphabet.size + 1))
    model.initialize(1)
    optimizer = Adam(model, 1e-3, 0.9, 0.999, 1e-8)
    for _ in loader(sampler.groups):  # fills the cache
        pass
    steps: dict[str, list[float]] = {name: [] for name in pipelines}
    cpu = dict.fromkeys(pipelines, 0.0)
    waits: dict[str, list[float]] = {name: [] for name in pipelines}
    for epoch in range(args.rounds):
        for name, pipeline in pipelines.items():
            begun = time.process_time()
            for waited, took in timed(batches_of(pipeline, epoch), model, optimizer):
                waits[name].append(waited)
                steps[name].append(took)
            cpu[name] += time.process_time() - begun
    for name in pipelines:
        print(
            f"{name}: {1000 * statistics.median(steps[name]):.0f} ms a step, "
            f"{100 * sum(waits[name]) / sum(steps[name]):.1f} % of it waiting for input"
        )
    ratio = sum(steps["augmented"]) / sum(steps["plain"])
    print(
        f"augmented steps take {ratio:.2f} times as long, and "
        f"{cpu['augmented'] / cpu['plain']:.2f} times the CPU seconds"
    )


def batches_of(pipeline: TrainingPipeline, epoch: int) -> Iterator[Batch]:
    """Yield the batches of an epoch."""
    for step in pipeline.epoch(epoch):
        yield from (batch for _, batch in step.batches)


def timed(
    batches: Iterator[Batch], model: torch.nn.Module, optimizer: Adam
) -> Iterator[tuple[float, float]]:
    """Train, and yield for each step the seconds of waiting for input, and its total seconds."""
    begun = time.perf_counter()
    for batch in batches:
        waited = time.perf_counter() - begun
        optimizer.zero_grad()
        x = batch.on_features(batch.features, batch.lengths)
        emissions = Emissions(*model.run(x, batch.lengths, Dropout({}, None)))
        torch.autograd.backward(ctc_losses(emissions, batch).mean())
        optimizer.prepare_step()
        optimizer.torch_optimizer.step()
        yield waited, time.perf_counter() - begun
        begun = time.perf_counter()


if __name__ == "__main__":
    main()
