"""The default number of processes of a server."""

import pytest

from stt.server import process_count
from stt.server.process_count import cores_before, cores_each, suitable_count


class Sized:
    """A stand-in for a model with the property that the default depends on."""

    def __init__(self, is_small):
        self.is_small = is_small


@pytest.mark.parametrize(
    ("cores", "is_small", "max_streams", "count"),
    [
        (1, True, 256, 1),
        (2, True, 256, 2),
        (4, True, 256, 4),
        (64, True, 256, 4),  # each process takes 64 streams
        (64, True, 10_000, 64),
        (64, True, 10, 1),
        (2, False, 256, 1),
        (4, False, 256, 1),
        (16, False, 256, 4),
        (17, False, 10_000, 5),
    ],
)
def test_small_models_want_a_process_for_each_core(
    monkeypatch, cores, is_small, max_streams, count
):
    monkeypatch.setattr(process_count, "available_cores", lambda: cores)
    assert suitable_count(Sized(is_small), max_streams) == count
    assert count * cores_each(count) >= cores


def test_a_process_that_knows_not_how_many_there_are_is_ready_for_a_large_model(monkeypatch):
    monkeypatch.setattr(process_count, "available_cores", lambda: 16)
    assert (cores_before(None), cores_before(2), cores_before(16)) == (4, 8, 1)
