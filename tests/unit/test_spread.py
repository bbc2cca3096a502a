"""Work spread over a cluster, with a stand-in for Ray whose workers die on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from coqui_stt_training.cli.cluster_flags import ClusterFlags
from coqui_stt_training.cluster.cluster import Cluster
from coqui_stt_training.cluster.spread import spread
from coqui_stt_training.cluster.worker import Worker
from coqui_stt_training.errors import FlagError, UserError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


@dataclass
class FakeRay:
    """A Ray that runs calls when they are awaited, oldest first; `KeyboardInterrupt` is a death."""

    calls: list[Callable[[], Any]] = field(default_factory=list)
    started: int = 0
    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 8.0}}]

    def remote(self, kind: type) -> Any:
        def start(*arguments: Any) -> Any:
            self.started += 1
            worker = kind(*arguments)

            def later(call: Callable[..., Any]) -> Any:
                return SimpleNamespace(remote=lambda *given: self._promise(lambda: call(*given)))

            return SimpleNamespace(open=later(worker.open), process=later(worker.process))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=start))

    def _promise(self, call: Callable[[], Any]) -> Callable[[], Any]:
        self.calls.append(call)
        return call

    def wait(self, calls: Sequence[Any], num_returns: int, timeout: float | None) -> Any:
        return calls[:num_returns], calls[num_returns:]

    def get(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except KeyboardInterrupt:
            raise RayError("the worker died") from None
        except ZeroDivisionError as error:
            raise RayTaskError(f"a long traceback: {error}") from error


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()

    @contextmanager
    def joined(cluster: Cluster) -> Any:
        yield fake

    monkeypatch.setattr(Cluster, "joined", joined)
    return fake


def doubled(deadly: Counter[int], heard: Counter[int]) -> Callable[[int], Any]:
    """Return work that doubles numbers; `deadly` counts the workers that each number kills."""

    def work(items: Sequence[int]) -> Any:
        for item in items:
            heard[item] += 1
            if deadly[item] > 0:
                deadly[item] -= 1
                raise KeyboardInterrupt
            if item == 13:
                raise ZeroDivisionError(item)
            yield item, UserError("is odd") if item % 2 else 2 * item

    return lambda cores: work


@pytest.mark.parametrize("workers", [1, 3])
def test_each_item_comes_once_whoever_dies(ray: FakeRay, workers: int) -> None:
    heard: Counter[int] = Counter()
    deadly = Counter({4: 2, 6: 5, 30: 1})
    items = range(200)
    found = list(spread(doubled(deadly, heard), items, Cluster("auto", workers)))
    assert sorted(item for item, _ in found) == list(items)
    results = dict(found)
    assert results[4] == 8
    assert results[30] == 60
    assert results[6] is not results[4]
    assert "3 workers exited" in str(results[6])
    assert "13: a long traceback: 13" in str(results[13])
    assert str(results[7]) == "is odd"
    expected = {item: 2 * item for item in items if item % 2 == 0 and item != 6}
    assert {item: one for item, one in results.items() if isinstance(one, int)} == expected
    assert ray.started >= workers + 3
    assert max(heard.values()) <= 4


def test_what_cannot_begin_is_told_at_once(ray: FakeRay) -> None:
    def missing(cores: int) -> Any:
        raise UserError("model.tflite: no such file")

    def deadly(cores: int) -> Any:
        raise KeyboardInterrupt

    def faulty(cores: int) -> Any:
        raise ZeroDivisionError("a bug")

    with pytest.raises(UserError, match=r"a worker cannot load the model: .*a bug"):
        list(spread(faulty, [1], Cluster("auto", 2)))
    with pytest.raises(UserError, match=r"cannot start: model.tflite: no such file; all machines"):
        list(spread(missing, [1], Cluster("auto", 2)))
    with pytest.raises(UserError, match="check that there is enough memory for the model"):
        list(spread(deadly, range(9), Cluster("auto", 2)))
    assert not list(spread(missing, [], Cluster("auto", 2))), "nothing is begun for nothing"


def test_a_worker_does_not_need_the_folder_of_the_command(tmp_path: Any) -> None:
    worker = Worker(lambda cores: lambda items: [(one, cores) for one in items], 3, tmp_path / "x")
    assert worker.open() is None
    assert worker.process([5]) == [(5, 3)]


def test_as_many_workers_as_there_is_room_for() -> None:
    machines = [{"CPU": 9.0, "GPU": 1.0}, {"CPU": 3.0}, {"CPU": 64.0, "GPU": 8.0}]
    assert Cluster("auto").count_workers(machines) == 2 + 16
    assert Cluster("auto", worker_gpus=1).count_workers(machines) == 1 + 8
    assert Cluster("auto", worker_cpus=2, worker_gpus=0.5).count_workers(machines) == 2 + 16
    assert Cluster("auto", workers=5).count_workers([]) == 5
    assert Cluster("local:3").count_workers([]) == 3
    with pytest.raises(FlagError, match="the largest has 64 and 8: lower --worker_cpus"):
        Cluster("auto", worker_cpus=65).count_workers(machines)


def test_flags_that_do_not_go_together() -> None:
    assert ClusterFlags().chosen() is None
    assert ClusterFlags(cluster="local:2").chosen() == Cluster("local:2")
    with pytest.raises(
        FlagError, match="--worker_cpus, --worker_gpus: has no effect without --cluster; add it"
    ):
        ClusterFlags(worker_cpus=2, worker_gpus=1)
    with pytest.raises(
        FlagError, match="--cluster_workers 3: --cluster local:2 sets the number already"
    ):
        ClusterFlags(cluster="local:2", cluster_workers=3)
