"""Malicious clients of a real server: slow ones, silent ones, and foreign pages."""

import base64
import json
import os
import socket
import struct
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress

import pytest

from server_process import MODEL, served
from stt.client import main
from stt_models import ORACLE, SENTENCE, needs_oracle, speech

pytest.importorskip("fastapi")
pytestmark = [needs_oracle, pytest.mark.slow]
CLIP = ORACLE / "wav/LDC93S1.wav"
IDLE_SECONDS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    flags = ("--max_files", "2", "--idle_seconds", str(IDLE_SECONDS), "--beam_width", "50")
    with served(tmp_path_factory.mktemp("server"), *flags) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


def ask(server, path="/transcribe", body=None, **headers):
    """Send a request; return its status, headers and body."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.address + path, body, names)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def transcript(answer):
    status, _, body = answer
    assert status == 200, body
    return json.loads(body)["text"]


def code(answer):
    return answer[0], json.loads(answer[2])["error"]["code"]


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def read_all(connection):
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


# ------------------------------------------------------------------ slow and silent clients


def test_slow_uploads_take_no_places_and_are_given_up(server):
    header = b"POST /transcribe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999\r\n\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server)) for _ in range(8)]
        for connection in slow:
            connection.sendall(header + b"R")
        started = time.monotonic()
        assert transcript(ask(server, body=CLIP.read_bytes())) == SENTENCE
        answered = set()
        while len(answered) < len(slow) and time.monotonic() - started < 15:
            time.sleep(0.3)
            for connection in set(slow) - answered:
                try:
                    connection.sendall(b"I")
                except OSError:
                    answered.add(connection)
        assert len(answered) == len(slow)
        assert b" 408 " in read_all(slow[0])


def test_who_leaves_in_the_middle_of_an_upload_leaves_no_trace(server):
    header = b"POST /transcribe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(header + b"R")
        time.sleep(0.3)
    time.sleep(0.3)
    assert ask(server, "/health")[0] == 200
    assert "Traceback" not in server.log.read_text()


def test_steady_uploads_arrive_however_long_they_take(server):
    body = CLIP.read_bytes()
    pieces = [body[start : start + 4000] for start in range(0, len(body), 4000)]
    with connect(server) as connection:
        length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(f"POST /transcribe HTTP/1.1\r\nHost: localhost\r\n{length}".encode())
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.15)
        assert 0.15 * len(pieces) > IDLE_SECONDS
        assert SENTENCE.encode() in read_all(connection)


@pytest.mark.parametrize("start", [b"", b"GET /health HTTP/1.1\r\nHost: loc"])
def test_headers_that_do_not_come_are_given_up(server, start):
    with connect(server) as connection:
        connection.sendall(start)
        started = time.monotonic()
        assert read_all(connection) == b""
        assert time.monotonic() - started < IDLE_SECONDS + 4


def test_half_a_second_request_is_given_up_too(server):
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(request)
        assert b" 200 " in connection.recv(65536)
        connection.sendall(request[:20])
        started = time.monotonic()
        read_all(connection)
        assert time.monotonic() - started < IDLE_SECONDS + 4


def test_the_rest_of_a_refused_body_is_not_waited_for(server):
    header = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(header)
        assert b" 404 " in connection.recv(65536)
        started = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - started < 30:
                connection.sendall(b"x")
                time.sleep(0.3)
        assert time.monotonic() - started < IDLE_SECONDS + 5


def test_a_crowd_of_half_sent_headers_shuts_nobody_out(tmp_path):
    with served(tmp_path, "--idle_seconds", "30") as server, ExitStack() as stack:
        crowd = [stack.enter_context(connect(server)) for _ in range(400)]
        for connection in crowd:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert ask(server, "/health")[0] == 200
        time.sleep(2.5)
        assert ask(server, "/health")[0] == 200
        assert sum(map(is_closed, crowd)) >= 100


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


# ------------------------------------------------------------------ WebSockets


class WebSocket:
    """A WebSocket client that can also send invalid messages."""

    def __init__(self, server, **headers):
        self.connection = connect(server)
        given = {"Host": f"127.0.0.1:{server.port}", **headers}
        lines = [
            "GET /live?pause=0 HTTP/1.1",
            *(f"{name}: {value}" for name, value in given.items()),
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""  # messages sent before the answer may be lost
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.connection.recv(1)

    def send(self, opcode, payload):
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.connection.sendall(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    def rest(self):
        """Return all messages up to the closing one, which starts with its code."""
        with self.connection, self.connection.makefile("rb") as stream:
            messages, opcode = [], 0
            while opcode != 0x88:
                opcode, size = stream.read(2)
                if size == 126:
                    (size,) = struct.unpack(">H", stream.read(2))
                messages.append(stream.read(size))
        return b"\n".join(messages)


def test_empty_messages_do_not_keep_a_stream_open(server):
    websocket = WebSocket(server)
    started = time.monotonic()
    while b'"code":"idle"' not in websocket.connection.recv(65536, socket.MSG_PEEK):
        assert time.monotonic() - started < IDLE_SECONDS + 4
        websocket.send(2, b"")
        time.sleep(0.2)
    websocket.connection.close()


def test_audio_keeps_a_stream_open(server):
    websocket = WebSocket(server)
    samples = speech().tobytes()
    for start in range(0, len(samples), 8000):
        websocket.send(2, samples[start : start + 8000])
        time.sleep(0.3)
    websocket.send(1, b'{"event": "end"}')
    answer = websocket.rest()
    assert SENTENCE.encode() in answer
    assert b'"type":"done"' in answer


def test_little_audio_keeps_a_stream_open_too(server):
    websocket = WebSocket(server)
    for _ in range(3):
        time.sleep(IDLE_SECONDS * 0.6)
        websocket.send(2, bytes(2 * 2000))  # 0.125 s, too little for a turn of the model
    websocket.send(1, b'{"event": "end"}')
    assert b'"type":"done","seconds":0.375' in websocket.rest()


def test_no_message_may_end_within_a_sample(server):
    websocket = WebSocket(server)
    for size in (2000, 999, 999):
        websocket.send(2, bytes(size))
    assert b'"code":"bad_audio"' in websocket.rest()


@pytest.mark.parametrize("size", [2, 2000, 60_000])
def test_audio_becomes_the_same_transcript_however_it_is_cut(server, size):
    websocket = WebSocket(server)
    samples = speech().tobytes()
    pieces = [samples[start : start + size] for start in range(0, len(samples), size)]
    for opcode, piece in [(2, piece) for piece in pieces] + [(1, b'{"event": "end"}')]:
        websocket.send(opcode, piece)
    answer = websocket.rest()
    assert f'"type":"final","text":"{SENTENCE}"'.encode() in answer
    assert f'"seconds":{len(samples) / 32000:.3f}'.encode() in answer


def test_a_server_that_ends_finishes_what_it_received(tmp_path):
    with served(tmp_path, "--beam_width", "50", "--processes", "1") as server:
        websocket = WebSocket(server)
        samples = speech().tobytes()
        # The last message alone is too short for a turn of the model.
        for piece in (samples[:60_000], samples[60_000:-3000], samples[-3000:]):
            websocket.send(2, piece)
        while b"water" not in websocket.connection.recv(65536, socket.MSG_PEEK):
            time.sleep(0.05)
    answer = websocket.rest()
    assert f'"type":"final","text":"{SENTENCE}"'.encode() in answer
    assert f'"seconds":{len(samples) / 32000:.3f}'.encode() in answer


def test_text_that_is_not_utf8_closes_the_socket_without_a_traceback(server):
    websocket = WebSocket(server)
    websocket.send(1, b'{"event": "\xff\xfe"}')
    assert struct.pack(">H", 1007) in websocket.rest()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://[", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1:1"],
)
def test_pages_of_others_may_not_open_a_stream(server, origin):
    assert b'"code":"foreign_origin"' in WebSocket(server, Origin=origin).rest()
    assert "Traceback" not in server.log.read_text()


def test_a_foreign_name_that_leads_here_opens_no_stream(server):
    host = f"evil.example:{server.port}"
    answer = WebSocket(server, Host=host, Origin=f"http://{host}").rest()
    assert b'"code":"unknown_host"' in answer


# ------------------------------------------------------------------ foreign pages


@pytest.mark.parametrize("path", ["/", "/metrics", "/health", "/openapi.json"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "[", ""])
def test_a_foreign_name_that_leads_here_shows_nothing(server, path, host):
    assert code(ask(server, path, Host=host)) == (403, "unknown_host")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "a.localhost", "127.0.0.1", "[::1]:9"]
)
def test_this_machine_has_its_names(server, host):
    assert ask(server, "/health", Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/transcribe", "/v1/audio/transcriptions"])
def test_what_pages_of_others_send_is_not_transcribed(server, path, headers):
    answer = ask(server, path, CLIP.read_bytes(), Content_Type="text/plain", **headers)
    assert code(answer) == (403, "foreign_origin")


def test_our_own_page_and_programs_are_heard(server):
    body = CLIP.read_bytes()
    own = {"Origin": server.address, "Sec_Fetch_Site": "same-origin"}
    assert transcript(ask(server, body=body, **own)) == SENTENCE
    curl = {"Content_Type": "application/x-www-form-urlencoded"}  # sent with --data-binary
    assert transcript(ask(server, body=body, **curl)) == SENTENCE


def test_no_page_may_show_ours_within_itself(server):
    for path in ("/", "/docs", "/health", "/nowhere"):
        headers = ask(server, path)[1]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_a_form_is_known_by_any_spelling(server):
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form += CLIP.read_bytes() + b"\r\n--x--\r\n"
    answer = ask(server, body=form, Content_Type="Multipart/Form-Data; boundary=x")
    assert transcript(answer) == SENTENCE


def test_further_names_can_be_allowed(tmp_path):
    flags = ("--allowed_hosts", "stt.example.com", "*.local", "--host", "0.0.0.0")
    flags += ("--processes", "1")
    with served(tmp_path, *flags) as server:
        for host in (
            "stt.example.com",
            "STT.example.com.:80",
            "box.local",
            "10.1.2.3",
            "localhost",
        ):
            assert ask(server, "/health", Host=host)[0] == 200
        for host in ("example.com", "a.stt.example.com", "local"):
            assert code(ask(server, "/health", Host=host)) == (403, "unknown_host")
        proxied = {"Host": "stt.example.com", "Origin": "https://stt.example.com"}
        assert transcript(ask(server, body=CLIP.read_bytes(), **proxied)) == SENTENCE


# ------------------------------------------------------------------ mistakes


def test_a_port_in_use_is_told_in_one_line(server, capsys):
    assert main(["serve", "--model", MODEL, "--port", str(server.port)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"stt: --host 127.0.0.1 --port {server.port}: the port is in use")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--host", "192.0.2.1"), "this machine has no such address"),
        (("--host", "nowhere.invalid"), "cannot be found"),
        (("--allowed_hosts", "http://a", "b:80"), "http://a b:80: must be only names"),
    ],
)
def test_mistaken_addresses_are_told_in_one_line(flags, message, capsys):
    assert main(["serve", "--model", MODEL, "--port", "0", *flags]) == 2
    assert message in capsys.readouterr().err
