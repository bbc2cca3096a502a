"""`stt serve --processes 2`: one server for its clients, even if one of its processes dies."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from server_process import MODEL, served
from stt.client import main
from stt_models import ORACLE, SENTENCE, needs_oracle, speech

pytest.importorskip("fastapi")
pytest.importorskip("websockets")

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [
    needs_oracle,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]
FLAGS = ("--processes", "2", "--beam_width", "50")
SCORER = str(ORACLE.parent / "decoder/scorers/smoke_word.scorer")
MOST_STREAMS = 6
SETTLING_SECONDS = 0.5  # until the processes have counted that earlier connections are closed


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with served(folder, *FLAGS, "--max_streams", str(MOST_STREAMS)) as server:
        wait_until(lambda: get(server, "/health")["processes"] == 2)
        yield server


def get(server, path):
    with urllib.request.urlopen(server.address + path, timeout=30) as answer:
        body = answer.read().decode()
    return json.loads(body) if path == "/health" else body


def metric(server, name):
    (value,) = re.findall(rf"^{re.escape(name)} (\S+)$", get(server, "/metrics"), re.MULTILINE)
    return float(value)


def wait_until(is_so, seconds=30):
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)


def live(server):
    return connect(f"ws://127.0.0.1:{server.port}/live?pause=0", close_timeout=1)


def told(stream):
    return json.loads(stream.recv(timeout=30))


def transcript(stream):
    """Send the clip and return its transcript."""
    stream.send(speech().tobytes())
    stream.send('{"event": "end"}')
    return final(stream)


def final(stream):
    while (message := told(stream))["type"] != "final":
        pass
    return message["text"]


def workers_of(pid):
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def kill_one(server):
    """Kill a process of a server and wait for its replacement; return the processes before."""
    before = workers_of(server.pid)
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: before[0] not in workers_of(server.pid))
    wait_until(lambda: get(server, "/health")["processes"] == 2)
    return before


def test_processes_are_one_server(server):
    assert len(workers_of(server.pid)) == 2
    with ExitStack() as stack:
        streams = [stack.enter_context(live(server)) for _ in range(4)]
        assert {told(stream)["type"] for stream in streams} == {"ready"}
        for _ in range(4):  # whichever process answers
            assert get(server, "/health")["live_streams"] == 4
            assert metric(server, "stt_open_live_streams") == 4
        before = metric(server, 'stt_live_streams_total{outcome="done"}')
        assert [transcript(stream) for stream in streams] == 4 * [SENTENCE]
    for _ in range(4):
        assert metric(server, 'stt_live_streams_total{outcome="done"}') == before + 4
    buckets = re.findall(r'_latency_seconds_bucket{le="(\S+)"} (\S+)', get(server, "/metrics"))
    counts = [float(count) for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == ("+Inf", str(metric(server, "stt_chunk_latency_seconds_count")))


def test_a_token_is_asked_for_by_all_processes_and_seen_by_nobody(tmp_path, monkeypatch):
    token = "a-token-of-this-test"
    monkeypatch.setenv("STT_TOKEN", token)
    with served(tmp_path, *FLAGS, "--host", "0.0.0.0") as server:
        wait_until(lambda: get(server, "/health")["processes"] == 2)
        for pid in (server.pid, *workers_of(server.pid)):
            assert token not in Path(f"/proc/{pid}/cmdline").read_text()
        asked = urllib.request.Request(server.address + "/v1/models")
        for _ in range(4):  # whichever process answers
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(asked, timeout=30)
        asked.add_header("Authorization", f"Bearer {token}")
        for _ in range(4):
            assert urllib.request.urlopen(asked, timeout=30).status == 200
        said = server.log.read_text()
        assert token not in said
        assert "warning" not in said


def test_a_server_that_all_can_use_says_so(tmp_path):
    with served(tmp_path, "--processes", "1", "--host", "0.0.0.0") as server:
        said = server.log.read_text()
    assert f"everybody who can reach http://0.0.0.0:{server.port} can use this server" in said
    assert "--token_file" in said


def test_the_limit_is_for_all_together_and_exact(server):
    with ExitStack() as stack:
        streams = [stack.enter_context(live(server)) for _ in range(3 * MOST_STREAMS)]
        answers = [told(stream) for stream in streams]
        kinds = [answer["type"] for answer in answers]
        assert (kinds.count("ready"), kinds.count("error")) == (MOST_STREAMS, 2 * MOST_STREAMS)
        assert {answer.get("code") for answer in answers} == {None, "busy"}
        assert transcript(streams[kinds.index("ready")]) == SENTENCE
        wait_until(lambda: get(server, "/health")["live_streams"] == MOST_STREAMS - 1)
        with live(server) as another, live(server) as one_too_many:
            assert {told(another)["type"], told(one_too_many)["type"]} == {"ready", "error"}
    wait_until(lambda: get(server, "/health")["live_streams"] == 0)


def test_a_process_that_dies_is_replaced_and_the_others_go_on(server):
    done = metric(server, 'stt_live_streams_total{outcome="done"}')
    time.sleep(SETTLING_SECONDS)
    with ExitStack() as stack:
        streams = [stack.enter_context(live(server)) for _ in range(MOST_STREAMS)]
        assert {told(stream)["type"] for stream in streams} == {"ready"}
        before = kill_one(server)
        ends = [end_of(stream) for stream in streams]
        assert ends.count("lost") == ends.count(SENTENCE) == MOST_STREAMS // 2
        assert len(set(workers_of(server.pid)) - set(before)) == 1
    wait_until(lambda: get(server, "/health")["live_streams"] == 0)  # all streams are free again
    assert metric(server, 'stt_live_streams_total{outcome="done"}') == done + MOST_STREAMS // 2
    assert f"Process {before[0]} ended (SIGKILL" in server.log.read_text()
    with live(server) as stream:
        assert transcript(stream) == SENTENCE


def end_of(stream):
    try:
        return transcript(stream)
    except ConnectionClosed:
        return "lost"


def test_connections_are_shared_out_evenly(server):
    time.sleep(SETTLING_SECONDS)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        time.sleep(0.3)  # all connections are distributed, and none is closed yet
        counts = [open_connections(pid, server.port) for pid in workers_of(server.pid)]
    assert counts == [10, 10]


def open_connections(pid, port):
    """Return the number of open connections of a process at a port."""
    mine = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[1].endswith(f":{port:04X}") and row[3] == "01" and f"socket:[{row[9]}]" in mine
        for row in rows
    )


def test_a_port_in_use_and_a_broken_model_are_told_once(server, tmp_path, capfd):
    assert main(["serve", "--model", MODEL, "--port", str(server.port), *FLAGS]) == 2
    assert "the port is in use" in capfd.readouterr().err
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(Path(MODEL).read_bytes()[:20000])
    assert main(["serve", "--model", str(broken), "--port", "0", *FLAGS]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("stt: ")
    assert f"{broken}: the .tflite file is cut off" in line


def test_a_signal_lets_all_of_them_finish(tmp_path):
    with served(tmp_path, *FLAGS) as server, ExitStack() as stack:
        wait_until(lambda: get(server, "/health")["processes"] == 2)
        streams = [stack.enter_context(live(server)) for _ in range(4)]
        for stream in streams:
            stream.send(speech().tobytes())
            while "water" not in told(stream).get("text", ""):
                pass
        os.kill(server.pid, signal.SIGTERM)
        assert [final(stream) for stream in streams] == 4 * [SENTENCE]
    assert server.log.read_text().count("Finishing running requests") == 1


def test_what_native_code_holds_is_taken_down_at_the_end(tmp_path):
    with served(tmp_path, "--processes", "1", "--scorer", SCORER) as server:
        assert get(server, "/health")["status"] == "ok"


def test_a_second_signal_ends_all_of_them_at_once(tmp_path):
    with served(tmp_path, *FLAGS, "--shutdown_seconds", "60") as server, ExitStack() as stack:
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        slow.sendall(b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nR")
        wait_until(lambda: get(server, "/health")["status"] == "ok")
        workers = workers_of(server.pid)
        os.kill(server.pid, signal.SIGINT)
        wait_until(lambda: "Finishing" in server.log.read_text())
        time.sleep(0.5)
        assert workers_of(server.pid)  # they still work on the file
        started = time.monotonic()
        os.kill(server.pid, signal.SIGINT)
    assert time.monotonic() - started < 10
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert "Traceback" not in server.log.read_text()


def test_processes_that_cannot_start_again_end_the_command_with_the_reason(tmp_path):
    model = tmp_path / "model.tflite"
    shutil.copy(MODEL, model)
    command = [sys.executable, "-m", "stt", "serve", "--model", str(model), "--port", "0", *FLAGS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "Serving on" in line:
                wait_until(lambda: len(workers_of(process.pid)) == 2)
                model.unlink()
                os.kill(workers_of(process.pid)[0], signal.SIGKILL)
                break
        *_, last = process.stderr
    assert process.returncode == 2
    assert last.startswith("stt: ")
    assert f"{model}: No such file" in last
