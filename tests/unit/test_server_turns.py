"""Threads that run calls in turn for coroutines of an event loop."""

import asyncio
import threading
import time

import pytest

from stt.server.turns import Turns


def run(work):
    """Run a coroutine function that gets the turns of two threads."""

    async def all_of_it():
        turns = Turns(2)
        try:
            return await work(turns)
        finally:
            turns.close()

    return asyncio.run(all_of_it())


def test_results_and_errors_come_back_to_who_asked():
    async def work(turns):
        return await asyncio.gather(
            *(turns.run(divmod, 10, by) for by in (1, 3, 0)), return_exceptions=True
        )

    first, second, third = run(work)
    assert (first, second) == ((10, 0), (3, 1))
    assert isinstance(third, ZeroDivisionError)


def test_as_many_work_at_a_time_as_there_are_threads():
    meeting = threading.Barrier(2, timeout=10)

    async def work(turns):
        return await asyncio.gather(turns.run(meeting.wait), turns.run(meeting.wait))

    assert sorted(run(work)) == [0, 1]


def test_the_loop_goes_on_meanwhile():
    async def work(turns):
        slow = asyncio.ensure_future(turns.run(time.sleep, 0.2))
        steps = 0
        while not slow.done():
            await asyncio.sleep(0.01)
            steps += 1
        return steps

    assert run(work) >= 3


def test_who_is_cancelled_before_the_turn_has_none():
    done = []
    hold = threading.Event()

    async def work(turns):
        holding = [asyncio.ensure_future(turns.run(hold.wait)) for _ in range(2)]
        waiting = asyncio.ensure_future(turns.run(done.append, "cancelled"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        hold.set()
        await asyncio.gather(*holding)
        await turns.run(done.append, "after")
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(work)
    assert done == ["after"]
