"""Chunks of several streams run in one batch, with the same results as alone."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import stt
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from kernels import FLOAT, INT8
from stt.engines.gathering import Gathering
from stt.engines.litert import read_model
from stt.engines.native import NativeEngine
from stt_models import noise, random_deployment

PATIENCE_SECONDS = 20


class Doubling:
    """A function that doubles numbers; the first batch waits for `go_on`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        if len(self.batches) == 1:
            assert self.go_on.wait(PATIENCE_SECONDS)
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


def start(
    pool: ThreadPoolExecutor, call: Callable[[int], int], numbers: Sequence[int]
) -> list[Future[int]]:
    """Make calls in threads, each after the previous ones have started to wait."""
    futures = []
    for number in numbers:
        futures.append(pool.submit(call, number))
        time.sleep(0.03)
    return futures


def test_calls_that_come_while_one_is_made_are_made_together_in_their_order():
    double = Doubling()
    gathering = Gathering(double, most=3, parallel=1)
    with ThreadPoolExecutor(8) as pool:
        futures = start(pool, gathering.run, range(6))
        assert gathering.running == 1
        double.go_on.set()
        assert [future.result() for future in futures] == [0, 2, 4, 6, 8, 10]
    assert double.batches == [[0], [1, 2, 3], [4, 5]]
    assert gathering.running == 0


def test_a_call_on_its_own_does_not_wait():
    gathering = Gathering(lambda numbers: [2 * number for number in numbers], most=3, parallel=2)
    assert [gathering.run(number) for number in range(3)] == [0, 2, 4]


def test_as_many_batches_as_allowed_run_at_the_same_time():
    both = threading.Barrier(2)

    def meet(numbers: Sequence[int]) -> list[int]:
        both.wait(PATIENCE_SECONDS)
        return list(numbers)

    gathering = Gathering(meet, most=3, parallel=2)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(gathering.run, [1, 2])) == [1, 2]


def test_an_error_reaches_all_whose_calls_were_made_together_and_nobody_else():
    double = Doubling()
    gathering = Gathering(double, most=2, parallel=1)
    with ThreadPoolExecutor(8) as pool:
        futures = start(pool, gathering.run, [1, 13, 3, 4])
        double.go_on.set()
        errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [type(None), ValueError, ValueError, type(None)]
    assert gathering.run(5) == 10


def test_calls_that_are_given_up_hold_up_nobody():
    """Interrupt, as Ctrl-C does, the call that is next and one that would be in its batch."""
    double = Doubling()
    gathering = Gathering(double, most=3, parallel=1)
    threads: dict[int, int] = {}

    def call(number: int) -> int:
        threads[number] = threading.get_ident()
        return gathering.run(number)

    with ThreadPoolExecutor(8) as pool:
        futures = start(pool, call, range(5))
        for number in (1, 3):
            interrupt = ctypes.py_object(KeyboardInterrupt)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threads[number]), interrupt)
        double.go_on.set()
        errors = [future.exception() for future in futures]
    assert [type(error) for error in (errors[1], errors[3])] == [KeyboardInterrupt] * 2
    assert [futures[number].result() for number in (0, 2, 4)] == [0, 4, 8]
    assert gathering.run(5) == 10


def test_many_threads_get_their_own_results():
    def run(numbers: Sequence[int]) -> list[int]:
        time.sleep(0.0001)
        return [2 * number for number in numbers]

    gathering = Gathering(run, most=7, parallel=3)
    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(gathering.run, range(3000))) == list(range(0, 6000, 2))


def engine(quantize: bool, n_hidden: int = 48, parallel: int = 1) -> NativeEngine:
    content = tflite_model(random_deployment(n_hidden=n_hidden), quantize)
    return NativeEngine(*read_model(content, Path("m.tflite")), threads=1, parallel=parallel)


@pytest.mark.parametrize("quantize", [True, False], ids=["int8", "float"])
@pytest.mark.parametrize("count", [2, 5, 17])
def test_chunks_of_many_streams_give_what_each_gives_alone_to_the_bit(quantize, count):
    """With every kernel, whatever the other streams of the batch and their positions."""
    random = np.random.default_rng(count)
    windows = random.normal(0, 3, (count, 16, 19, 26)).astype(np.float32)
    for kernels in (INT8, FLOAT):
        for name in kernels.names():
            with kernels.using(name):
                model = engine(quantize)
                states = [model.initial_state() for _ in range(count)]
                # Half of the streams started one chunk earlier.
                for n in range(0, count, 2):
                    states[n] = model.run(windows[n], states[n])[1]
                alone = [model.run(*chunk) for chunk in zip(windows, states, strict=True)]
                together = model.run_many(list(zip(windows, states, strict=True)))
            for (rows, state), (same_rows, same_state) in zip(alone, together, strict=True):
                assert np.array_equal(rows, same_rows)
                assert all(np.array_equal(*pair) for pair in zip(state, same_state, strict=True))


@pytest.mark.parametrize("quantize", [True, False], ids=["int8", "float"])
def test_streams_that_come_and_go_hear_what_they_hear_alone(quantize):
    clips = [noise(0.2 + 0.37 * n, seed=n) for n in range(12)]
    model = engine(quantize)
    alone = [model.posteriors(clip) for clip in clips]
    batches: list[int] = []
    run_many = model._gathering._run

    def noted(chunks):
        batches.append(len(chunks))
        until = time.monotonic() + 30
        while len(batches) == 1 and len(gathering._waiting) < 5 and time.monotonic() < until:
            time.sleep(0.01)  # until other calls wait
        return run_many(chunks)

    gathering = model._gathering
    gathering._run = noted
    with ThreadPoolExecutor(len(clips)) as pool:
        together = list(pool.map(model.posteriors, clips))
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))
    assert max(batches) > 4


def test_recordings_in_one_call_give_what_each_gives_alone():
    model = stt.Model.from_engine(engine(True, parallel=2))
    assert model.streams_at_a_time > 16
    clips = [noise(0.1 + 0.2 * n, seed=n) for n in range(9)]
    assert model.stt_batch(clips) == [model.stt(clip) for clip in clips]
    assert [len(m.transcripts) for m in model.stt_batch_with_metadata(clips[:2], 3)] == [3, 3]
    assert model.stt_batch([]) == []
    with pytest.raises(ValueError, match="int16"):
        model.stt_batch([clips[0], np.zeros(3)])
