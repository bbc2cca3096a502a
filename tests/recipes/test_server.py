"""`stt serve`: files over HTTP, live audio over WebSocket, limits."""

import json
import re
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

import stt
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from stt_models import (
    ORACLE,
    SENTENCE,
    needs_oracle,
    noise,
    random_deployment,
    speech,
    trained,
)

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from stt.engines.litert import read_model
from stt.engines.native import NativeEngine
from stt.server.app import create_app
from stt.server.hosts import Hosts
from stt.server.limits import ServerLimits
from stt.subtitles import format_srt
from stt.transcriber import BatchLimits, transcribe_recordings

pytestmark = needs_oracle
CLIP = ORACLE / "wav/LDC93S1.wav"
MIDDLE = "your dark suit in greasy wash water"


TOKEN = "a-token-of-this-test"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def make_client(token="", **limits):
    return TestClient(make_app(token, **limits), follow_redirects=False)


def make_app(token="", **limits):
    hosts = Hosts.of_flags(["testserver"])  # the host name that the test client sends
    return create_app(trained(), ServerLimits(**limits), hosts, token=token)


@pytest.fixture(scope="module")
def client():
    with make_client() as client:
        yield client


def upload(path=CLIP):
    return {"file": (path.name, path.read_bytes())}


def messages(websocket):
    """Return all messages, up to `done` or `error`."""
    received = []
    while not received or received[-1]["type"] not in ("done", "error"):
        received.append(websocket.receive_json())
    return received


def finals(received):
    return [message for message in received if message["type"] == "final"]


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("name", ["LDC93S1.wav", "LDC93S1.flac", "LDC93S1.opus"])
def test_a_file_comes_back_as_words(client, name):
    answer = client.post("/transcribe", files=upload(ORACLE / "wav" / name))
    assert answer.status_code == 200
    body = answer.json()
    assert MIDDLE in body["text"]
    assert abs(body["duration"] - 2.925) < 0.01
    assert " ".join(word["word"] for word in body["words"]) == body["text"]
    assert all(0 <= word["confidence"] <= 1 for word in body["words"])
    assert all(word["start"] <= word["end"] for word in body["words"])


def test_a_bare_body_does_as_well_and_candidates_are_counted(client):
    answer = client.post("/transcribe?candidates=3", content=CLIP.read_bytes())
    assert answer.json()["text"] == SENTENCE
    assert len(answer.json()["candidates"]) == 3
    assert client.post("/transcribe?candidates=0", content=b"x").status_code == 422


def test_openais_formats(client):
    def ask(response_format):
        data = {"model": "whisper-1", "response_format": response_format}
        return client.post("/v1/audio/transcriptions", files=upload(), data=data)

    assert ask("json").json() == {"text": SENTENCE}
    assert ask("text").text == SENTENCE + "\n"
    assert re.match(r"1\n00:00:00,0\d\d --> ", ask("srt").text)
    assert re.match(r"WEBVTT\n\n00:00:00\.0\d\d --> ", ask("vtt").text)
    verbose = ask("verbose_json").json()
    assert verbose["text"] == SENTENCE
    assert verbose["segments"][0]["text"] == SENTENCE
    compressed = len(zlib.compress(SENTENCE.encode()))  # as in Whisper
    ratio = verbose["segments"][0]["compression_ratio"]
    assert ratio == pytest.approx(len(SENTENCE) / compressed)
    assert [word["word"] for word in verbose["words"]] == SENTENCE.split()
    refused = ask("pdf")
    assert refused.status_code == 400
    assert "pdf" in refused.json()["error"]["message"]
    assert client.get("/v1/models").json()["data"][0]["object"] == "model"


def test_subtitles_of_long_audio_are_those_of_the_command_and_none_spans_a_pause(client, tmp_path):
    quiet = np.random.default_rng(0).normal(0, 3, 16000).astype(np.int16)
    audio = tmp_path / "long.wav"
    soundfile.write(
        audio, np.concatenate([speech(), quiet, speech(), quiet, quiet, speech()]), 16000
    )
    (recording,) = transcribe_recordings(trained(), [str(audio)], BatchLimits())
    data = {"response_format": "srt"}
    answer = client.post("/v1/audio/transcriptions", files=upload(audio), data=data)
    assert answer.text == format_srt(recording.words)
    data = {"response_format": "verbose_json"}
    verbose = client.post("/v1/audio/transcriptions", files=upload(audio), data=data).json()
    assert verbose["text"] == recording.text
    assert verbose["duration"] == pytest.approx(3 * len(speech()) / 16000 + 3, abs=1e-3)
    assert len(verbose["segments"]) == 3


def test_openais_own_client_understands_us(client):
    openai = pytest.importorskip("openai")
    theirs = openai.OpenAI(
        base_url="http://testserver/v1", api_key="none", http_client=client, max_retries=0
    )
    with CLIP.open("rb") as file:
        assert theirs.audio.transcriptions.create(model="whisper-1", file=file).text == SENTENCE
    with CLIP.open("rb") as file:
        verbose = theirs.audio.transcriptions.create(
            model="whisper-1",
            file=file,
            response_format="verbose_json",
            timestamp_granularities=["word"],
        )
    assert [word.word for word in verbose.words] == SENTENCE.split()
    with pytest.raises(openai.BadRequestError, match="not an audio file"):
        theirs.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"no audio"))


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        ({"file": ("a.wav", b"no audio at all")}, {}, 400, "bad_audio"),
        ({"file": ("a.wav", b"")}, {}, 400, "bad_audio"),
        ({"other": ("a.wav", b"x")}, {}, 400, "no_file"),
    ],
)
def test_what_is_no_audio_is_refused(client, files, data, status, code):
    for address in ("/transcribe", "/v1/audio/transcriptions"):
        answer = client.post(address, files=files, data=data)
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == code


def test_a_refusal_names_nothing_that_only_the_operator_knows(client, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # as if PyAV were not installed
    answer = client.post("/transcribe", files={"file": ("a.m4a", b"no audio at all")})
    message = answer.json()["error"]["message"]
    assert "not an audio file in a format that is read here: WAV, FLAC" in message
    assert "BytesIO" not in message
    assert "pip" not in message


def test_a_form_in_tatters_is_refused(client):
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/transcribe", content=b"--y\r\nnot a form", headers=headers)
    assert answer.status_code == 400


def test_a_file_too_large_or_too_long_is_refused():
    with make_client(max_upload_megabytes=0.01) as client:
        answer = client.post("/transcribe", files=upload())
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        chunks = (bytes(1000) for _ in range(100))  # sent without an announced length
        answer = client.post("/transcribe", content=chunks)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    with make_client(max_file_seconds=2) as client:
        answer = client.post("/transcribe", files=upload())
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_long")


def test_more_files_than_allowed_are_sent_away():
    app = make_app(max_files=1)
    with TestClient(app) as client, app.state.service.files.take(OverflowError):
        answer = client.post("/transcribe", files=upload())
        assert answer.status_code == 503
        assert answer.headers["retry-after"]


# ------------------------------------------------------------------ live audio


@pytest.mark.parametrize("chunk", [160, 4000, 46797])
def test_live_audio_becomes_the_transcript(client, chunk):
    samples = speech()
    with client.websocket_connect("/live?pause=0") as websocket:
        assert websocket.receive_json()["type"] == "ready"
        for start in range(0, len(samples), chunk):
            websocket.send_bytes(samples[start : start + chunk].tobytes())
        websocket.send_json({"event": "end"})
        received = messages(websocket)
    assert [message["text"] for message in finals(received)] == [SENTENCE]
    assert received[-1] == {"type": "done", "seconds": 2.925}
    partials = [message["text"] for message in received if message["type"] == "partial"]
    assert len(partials) > 3
    assert partials[1].startswith("she")
    words = finals(received)[0]["words"]
    assert [word["word"] for word in words] == SENTENCE.split()
    assert all(0 <= word["confidence"] <= 1 for word in words)


def test_live_audio_at_another_rate(client):
    samples = np.repeat(speech(), 3)
    with client.websocket_connect("/live?sample_rate=48000&pause=0") as websocket:
        for start in range(0, len(samples), 6000):
            websocket.send_bytes(samples[start : start + 6000].tobytes())
        websocket.send_json({"event": "end"})
        received = messages(websocket)
    assert "dark suit in greasy" in finals(received)[0]["text"]


def test_a_pause_ends_an_utterance(client):
    with client.websocket_connect("/live?pause=0.6") as websocket:
        for _ in range(2):
            websocket.send_bytes(speech().tobytes())
            websocket.send_bytes(bytes(2 * 16000 * 4))
        websocket.send_json({"event": "end"})
        received = messages(websocket)
    assert len(finals(received)) >= 2


def error_of(client, address, *sent, text=None):
    with client.websocket_connect(address) as websocket:
        for data in sent:
            websocket.send_bytes(data)
        if text is not None:
            websocket.send_text(text)
        error = messages(websocket)[-1]
        assert error["type"] == "error"
        with pytest.raises(WebSocketDisconnect):
            websocket.receive_json()
    return error["code"]


def test_garbage_ends_the_stream_with_a_reason(client):
    assert error_of(client, "/live", b"odd") == "bad_audio"
    for text in ("", "hello", "[]", "{}", '{"event": "dance"}', "[" * 5000):
        assert error_of(client, "/live", text=text) == "bad_message"
    for query in ("sample_rate=no", "sample_rate=7", "pause=-1", "pause=nan", "sample_rate=1e99"):
        assert error_of(client, f"/live?{query}") == "bad_parameter"


def test_limits_of_streams():
    with make_client(max_stream_seconds=1) as client:
        assert error_of(client, "/live", speech().tobytes()) == "too_long"
    with make_client(idle_seconds=0.2) as client:
        assert error_of(client, "/live", bytes(100)) == "idle"
    with make_client(max_streams=1) as client, client.websocket_connect("/live") as first:
        assert first.receive_json()["type"] == "ready"
        assert error_of(client, "/live") == "busy"
        first.send_json({"event": "end"})
        messages(first)


def test_pages_of_others_may_not_listen(client):
    headers = {"origin": "https://evil.example"}
    with client.websocket_connect("/live", headers=headers) as websocket:
        assert websocket.receive_json()["code"] == "foreign_origin"


def test_streams_that_vanish_free_their_place():
    app = make_app(max_streams=2)
    with TestClient(app) as client:
        for _ in range(5):
            with client.websocket_connect("/live") as websocket:
                websocket.send_bytes(speech()[:8000].tobytes())
        assert client.get("/health").json()["live_streams"] == 0
        outcomes = re.findall(
            r"^stt_live_streams_total.* ([0-9.]+)$", client.get("/metrics").text, re.MULTILINE
        )
        assert sum(map(float, outcomes)) == 5


def test_a_server_that_stops_finishes_what_it_heard():
    app = make_app(shutdown_seconds=10)
    with TestClient(app) as client:
        with client.websocket_connect("/live?pause=0") as websocket:
            websocket.send_bytes(speech().tobytes())
            while "water" not in websocket.receive_json().get("text", ""):
                pass
            client.portal.call(app.state.service.drain)
            received = messages(websocket)
            assert finals(received)[0]["text"] == SENTENCE
        assert client.get("/health").status_code == 503
        assert client.post("/transcribe", files=upload()).status_code == 503
        assert error_of(client, "/live") == "stopping"


# ------------------------------------------------------------------ other pages, tokens


def test_health_metrics_page_and_description(client):
    health = client.get("/health").json()
    assert health["status"] == "ok"
    assert health["sample_rate"] == 16000
    client.post("/transcribe", files=upload())
    metrics = client.get("/metrics").text
    assert 'stt_audio_seconds_total{kind="file"}' in metrics
    assert "stt_open_live_streams 0.0" in metrics
    page = client.get("/")
    assert "Speak" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")  # loads nothing from others
    paths = json.loads(client.get("/openapi.json").text)["paths"]
    assert {"/transcribe", "/v1/audio/transcriptions", "/health"} <= set(paths)


def test_the_api_is_described_by_a_page_that_loads_nothing(client):
    page = client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "http" not in page.text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    for word in ("WebSocket /live", "response_format", "candidates", "verbose_json", "413"):
        assert word in page.text
    assert client.get("/redoc").status_code == 404


def test_without_the_token_nobody_is_heard():
    with make_client(TOKEN) as client:
        assert client.get("/health").status_code == 200  # monitoring needs no token
        for path in ("/docs", "/openapi.json", "/metrics", "/v1/models"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "no_token")
            assert refused.headers["www-authenticate"] == "Bearer"
            assert client.get(path, headers=BEARER).status_code == 200
        assert client.post("/transcribe", files=upload()).status_code == 401
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert client.post("/transcribe", files=upload(), headers=wrong).status_code == 401
        heard = client.post("/transcribe", files=upload(), headers=BEARER)
        assert heard.json()["text"] == SENTENCE
        assert error_of(client, "/live") == "no_token"
        with client.websocket_connect("/live", headers=BEARER) as websocket:
            assert websocket.receive_json()["type"] == "ready"


def test_browsers_are_asked_for_the_token_once():
    with make_client(TOKEN) as client:
        door = client.get("/")
        assert door.status_code == 401
        assert "unsafe" not in door.headers["content-security-policy"]
        assert "Speak" not in door.text
        wrong = client.get("/?token=wrong-wrong-wrong")
        assert wrong.status_code == 401
        assert "That is not the token" in wrong.text
        assert "That is not the token" not in door.text
        assert client.get(f"/?token={TOKEN}").status_code == 303
        assert "Speak" in client.get("/").text  # a cookie now contains the token
        with client.websocket_connect("/live") as websocket:
            assert websocket.receive_json()["type"] == "ready"


def test_openais_own_client_brings_the_token_as_its_key():
    openai = pytest.importorskip("openai")
    with make_client(TOKEN) as client:

        def ask(key):
            theirs = openai.OpenAI(
                base_url="http://testserver/v1", api_key=key, http_client=client, max_retries=0
            )
            with CLIP.open("rb") as file:
                return theirs.audio.transcriptions.create(model="whisper-1", file=file).text

        assert ask(TOKEN) == SENTENCE
        with pytest.raises(openai.AuthenticationError, match="token is missing or wrong"):
            ask("none")


def test_a_file_that_does_not_arrive_is_given_up():
    import asyncio

    app = make_app(idle_seconds=0.1)
    sent = []

    async def receive():
        await asyncio.sleep(5)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/transcribe",
        "raw_path": b"/transcribe",
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("test", 1),
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 408
    assert app.state.service.files.taken == 0


def test_streams_whose_chunks_are_computed_together_get_each_their_own_words():
    content = tflite_model(random_deployment(n_hidden=64), True)
    engine = NativeEngine(*read_model(content, ORACLE / "m.tflite"), threads=1)
    model = stt.Model.from_engine(engine)
    model.set_beam_width(20)
    clips = [noise(1.0 + 0.3 * n, seed=n) for n in range(8)]

    def say(clip):
        with client.websocket_connect("/live?pause=0") as websocket:
            for start in range(0, len(clip), 4000):
                websocket.send_bytes(clip[start : start + 4000].tobytes())
            websocket.send_text('{"event": "end"}')
            return finals(messages(websocket))[-1]["text"]

    app = create_app(model, ServerLimits(), Hosts.of_flags(["testserver"]))
    with TestClient(app) as client, ThreadPoolExecutor(len(clips)) as pool:
        texts = list(pool.map(say, clips))
    assert texts == [model.stt(clip) for clip in clips]
    assert len(set(texts)) == len(clips)
