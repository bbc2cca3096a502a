"""Counters that the processes of a server share."""

import os
import subprocess
import sys

import pytest

from stt.server.counted import AUDIO_KINDS, LIVE_STREAMS, audio_seconds, own_ledger
from stt.server.ledger import Ledger, shared_file
from stt.server.limits import Slots

NAMES = {"gauges": ("taken",), "counters": ("done",)}
needs_shared_files = pytest.mark.skipif(os.name != "posix", reason="a server is one process there")


@pytest.fixture
def rows():
    """Yield the ledgers of two processes."""
    file = shared_file()
    yield [Ledger(**NAMES, processes=2, row=row, file=file) for row in range(2)]
    os.close(file)


@needs_shared_files
def test_all_read_the_sum_of_what_each_adds(rows):
    first, second = rows
    first.add("done", 2.5)
    second.add("done")
    second.set("taken", 4)
    assert first.total("done") == second.total("done") == 3.5
    assert (first.of(0, "done"), first.of(1, "done"), first.of(1, "taken")) == (2.5, 1, 4)


@needs_shared_files
def test_no_more_can_be_claimed_than_there_are(rows):
    first, second = rows
    assert [ledger.claim("taken", 3) for ledger in (first, second, second, first, second)] == [
        True, True, True, False, False
    ]  # fmt: skip
    first.add("taken", -1)
    assert second.claim("taken", 3)
    assert not first.claim("taken", 3)


@needs_shared_files
def test_what_a_process_had_taken_is_free_when_it_is_gone_and_what_it_did_stays(rows):
    first, second = rows
    for ledger in rows:
        ledger.add("taken", 2)
        ledger.add("done", 10)
    first.retire(1)
    assert (first.total("taken"), first.total("done")) == (2, 20)
    second.add("done")  # by the replacement of that process
    first.retire(1)
    assert (first.total("taken"), first.total("done")) == (2, 21)


@needs_shared_files
def test_processes_that_claim_at_the_same_time_get_what_there_is_and_no_more():
    file = shared_file()
    program = (
        "import sys; from stt.server.ledger import Ledger\n"
        "row, file = map(int, sys.argv[1:])\n"
        f"ledger = Ledger(**{NAMES!r}, processes=3, row=row, file=file)\n"
        "print('ready', flush=True); input()\n"
        "print(sum(ledger.claim('taken', 1000) for _ in range(600)))"
    )
    claiming = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(row), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=(file,),
        )
        for row in range(3)
    ]
    for process in claiming:
        assert process.stdout.readline() == "ready\n"
    for process in claiming:
        process.stdin.write("\n")
        process.stdin.flush()
    assert sum(int(process.communicate()[0]) for process in claiming) == 1000
    os.close(file)


def test_places_are_refused_with_what_one_says(rows):
    first, second = (Slots(ledger, "taken", 1) for ledger in rows)
    with first.take(OverflowError):
        assert second.is_full
        with pytest.raises(OverflowError), second.take(OverflowError):
            pass
    with second.take(OverflowError):
        assert (first.taken, second.taken) == (1, 1)


def test_a_server_that_is_alone_needs_no_file():
    ledger = own_ledger()
    assert ledger.claim(LIVE_STREAMS, 1)
    assert not ledger.claim(LIVE_STREAMS, 1)
    for kind in AUDIO_KINDS:
        ledger.add(audio_seconds(kind), 0.5)
    assert ledger.total(audio_seconds("live")) == 0.5
