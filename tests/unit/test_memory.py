"""The check before training that a batch fits into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from coqui_stt_training.corpus import Clip
from coqui_stt_training.errors import TrainingError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from coqui_stt_training.training import memory_check
from coqui_stt_training.training.available_memory import available_memory_bytes
from coqui_stt_training.training.memory_check import check_memory, check_model_memory
from stt.audio.reference import AudioReference

GEOMETRY = Geometry(n_hidden=100, n_classes=29)


def clip(seconds: float) -> Clip:
    return Clip(AudioReference(Path(f"{seconds}.wav")), "a", "train.csv:2", None, seconds)


def check(
    memory_bytes: int, monkeypatch: pytest.MonkeyPatch, *groups: Sequence[Clip], processes: int = 1
) -> list[int]:
    """Run the check with a given amount of memory; return the sizes of the batches tried."""
    tried: list[int] = []
    monkeypatch.setattr(memory_check, "available_memory_bytes", lambda: memory_bytes)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_memory(
        groups,
        GEOMETRY,
        lambda clip: int(clip.duration_seconds * 50),
        lambda clips: tried.append(len(clips)),
        processes=processes,
    )
    return tried


def test_only_the_longest_batch_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = [clip(1.0)] * 3, [clip(4.0), clip(5.0)]
    assert check(1 << 30, monkeypatch, short, long) == [2]


def test_the_message_names_durations_and_the_batch_size_that_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = [clip(seconds) for seconds in (2.0, 3.0, 3.5, 4.0, 4.0, 5.0, 6.0, 10.0)]
    one_clip_bytes = 4 * 500 * (34 * 100 + 3 * 29)
    with pytest.raises(TrainingError, match=r"8 clips of 2.0 to 10.0 s does not fit") as caught:
        check(3 * one_clip_bytes, monkeypatch, batch)
    with pytest.raises(TrainingError, match="--train_batch_size 1 fits"):
        check(3 * one_clip_bytes, monkeypatch, batch, processes=2)
    assert "--train_batch_size 2 fits" in str(caught.value)
    assert "--skip_batch_test true" in str(caught.value)


def test_the_longest_clips_are_those_that_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[list[float]] = []

    def try_step(clips: Sequence[Clip]) -> None:
        tried.append([clip.duration_seconds for clip in clips])
        if sum(tried[-1]) > 9:
            raise MemoryError

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    batch = [clip(seconds) for seconds in (1.0, 2.0, 4.0, 5.0)]
    with pytest.raises(TrainingError, match="--train_batch_size 2 fits"):
        check_memory([batch], GEOMETRY, lambda clip: int(clip.duration_seconds), try_step)
    assert tried == [[5.0, 4.0, 2.0, 1.0], [5.0, 4.0]]


def test_batches_by_seconds_have_a_remedy_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_check, "available_memory_bytes", lambda: 1 << 22)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError, match=r"--train_batch_seconds 20 fits"):
        check_memory(
            [[clip(10.0)] * 8], GEOMETRY, lambda one: 150, lambda clips: None, by_seconds=True
        )


def test_a_model_too_large_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_check, "available_memory_bytes", lambda: 1 << 30)
    check_model_memory(GEOMETRY)
    with pytest.raises(TrainingError, match=r"n_hidden 100000, .* needs .* GB of memory"):
        check_model_memory(Geometry(n_hidden=100_000, n_classes=29))


def test_one_clip_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match=r"not even one clip of 10.0 s fits") as caught:
        check(1000, monkeypatch, [clip(2.0), clip(10.0)])
    assert "train.csv:2: leave such clips out, or use a smaller --n_hidden" in str(caught.value)


def test_a_clip_too_long_for_an_encoder_is_to_be_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_check, "available_memory_bytes", lambda: 1 << 22)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError, match=r"smaller model; .*align cuts long") as caught:
        check_memory([[clip(600.0)]], WhisperEncoder(), lambda one: 60_000, lambda clips: None)
    assert "--n_hidden" not in str(caught.value)


def files_of_the_system(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, content in {
        "proc/meminfo": "MemTotal: 4000 kB\nMemAvailable:    2000 kB\n",
        "proc/self/cgroup": groups,
        **files,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "left"),
    [
        ("", {}, 2000 * 1024),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "max\n"}, 2000 * 1024),
        (
            "0::/job/step\n",  # the parent group has the limit
            {"sys/fs/cgroup/job/memory.max": "1000000\n",
             "sys/fs/cgroup/job/memory.current": "700000\n",
             "sys/fs/cgroup/job/memory.stat": "anon 1\nfile 300000\nshmem 100000\n",
             "sys/fs/cgroup/job/step/memory.max": "max\n",
             "sys/fs/cgroup/job/step/memory.current": "5\n"},
            500_000,
        ),
        (
            "4:memory:/docker/1\n2:cpu,cpuacct:/\n",  # path on the host, mounted as the top here
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": "1000000\n",
             "sys/fs/cgroup/memory/memory.usage_in_bytes": "1200000\n",
             "sys/fs/cgroup/memory/memory.stat": "total_cache 100000\n"},
            0,
        ),
    ],
)  # fmt: skip
def test_a_container_may_have_less_memory_than_its_machine(
    groups: str, files: dict[str, str], left: int, tmp_path: Path
) -> None:
    assert available_memory_bytes(files_of_the_system(tmp_path, groups, files)) == left


def test_there_is_memory_here() -> None:
    assert 1 << 20 < available_memory_bytes() < 1 << 50
