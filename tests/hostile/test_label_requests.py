"""Requests to the transcription page from foreign pages, broken clients and strange hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from fastapi.testclient import TestClient

from coqui_stt_training.errors import FlagError
from coqui_stt_training.label import main
from coqui_stt_training.labelling.app import DeskContext, create_app
from coqui_stt_training.labelling.desk import Desk
from coqui_stt_training.labelling.preparation import Preparation
from label_desks import open_desk, write_recordings
from stt.file_lock import holding
from stt.server.hosts import Hosts

PAGE = {"page": "page-of-a-test"}
TOKEN = "a-token-of-this-test"


def client_of(desk: Desk, token: str = "") -> TestClient:
    hosts = Hosts.of_flags(["testserver"])  # the host name that the test client sends
    app = create_app(DeskContext(desk, Preparation(desk, [], 15)), hosts, token)
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "data.csv", write_recordings(tmp_path / "in"))


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with client_of(desk) as client:
        yield client


def first(desk: Desk) -> str:
    return desk.listed(None, "")[0][0].identity


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


SAVE = {**PAGE, "version": 0, "verdict": "accepted", "text": "text"}


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/desk.css", "/desk.js", "/list.js", "/sound.js", "/text.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in answer.text.replace("http://www.w3.org", "").replace("HTTPS", "")
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/../data.csv", "/%2e%2e/data.csv", "/api/clips/..%2F..%2Fdata.csv/audio",
     "/api/clips/../../etc/passwd/audio", "/api/clips/0123456789abcdef/audio",
     "/api/clips/%00/audio"],
)  # fmt: skip
def test_no_path_leads_to_a_file(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)  # fmt: skip
def test_pages_of_others_may_neither_read_nor_write(
    client: TestClient, desk: Desk, headers: dict[str, str]
) -> None:
    clip = first(desk)
    assert client.put(f"/api/clips/{clip}", json=SAVE, headers=headers).status_code == 403
    assert client.post("/api/next", json=PAGE, headers=headers).status_code == 403
    if "Origin" not in headers:  # GETs are answered, but browsers hide the answer from the page
        for path in ("/api/desk", "/api/clips", f"/api/clips/{clip}/audio", "/api/training"):
            assert client.get(path, headers=headers).status_code == 403
    assert desk.progress().accepted == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b"[" * 5000, 422),
        (b'{"page": 1}', 422), (b'{"page": "short"}', 422), (b'{"page": "../../etc/x"}', 422),
        (b'{"page": "page-of-a-test"}', 422),  # no verdict
        (b'{"page": "page-of-a-test", "version": 0, "verdict": "perhaps"}', 422),
        (b'{"page": "page-of-a-test", "version": -1, "verdict": "open"}', 422),
        (b'{"page": "page-of-a-test", "version": true, "verdict": "open"}', 422),
        (b'{"page": "page-of-a-test", "version": 1e400, "verdict": "open"}', 422),
        (b'{"page": "page-of-a-test", "version": 0, "verdict": "accepted", "text": " "}', 422),
        (b'{"page": "page-of-a-test", "version": 0, "verdict": "open", "text": "\\ud800"}', 422),
        (b'{"page": "page-of-a-test", "version": 0, "verdict": "accepted", "path": "/"}', 422),
        (b"\xff\xfe", 422), (b'{"page": "' + b"x" * 70_000 + b'"}', 413),
    ],
)  # fmt: skip
def test_broken_requests_are_refused(
    client: TestClient, desk: Desk, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.put(f"/api/clips/{first(desk)}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert desk.progress().accepted == 0


def test_what_a_form_of_a_page_could_send_is_no_request(client: TestClient, desk: Desk) -> None:
    answer = client.put(f"/api/clips/{first(desk)}", content=b"{}")
    assert code(answer) == (415, "not_json")


@pytest.mark.parametrize("query", ["count=0", "count=501", "offset=-1", "show=all", "count=x"])
def test_lists_are_bounded(client: TestClient, query: str) -> None:
    assert client.get(f"/api/clips?{query}").status_code == 422


def test_texts_of_any_kind_come_back_as_they_are(client: TestClient, desk: Desk) -> None:
    text = '<script>alert("x")</script>, =cmd|"/c calc"!A0 \u202e 😀'
    saved = client.put(f"/api/clips/{first(desk)}", json={**SAVE, "text": text, "name": "<b>\n"})
    assert saved.json()["text"] == text
    assert saved.json()["person"] == "<b>"
    assert client.get("/api/clips?search=ALERT").json()["total"] == 1


def test_without_the_token_nothing_is_shown(desk: Desk) -> None:
    with client_of(desk, TOKEN) as client:
        page = client.get("/")
        assert page.status_code == 401
        assert "enter the token" in page.text
        for path in ("/api/desk", "/desk.js", f"/api/clips/{first(desk)}/audio"):
            assert code(client.get(path)) == (401, "no_token")
        assert code(client.put(f"/api/clips/{first(desk)}", json=SAVE)) == (401, "no_token")
        assert client.get("/?token=wrong-wrong-wrong").status_code == 401
        broken = {b"Cookie": b"stt-label=\xff; =;;"}
        assert client.get("/api/desk", headers=broken).status_code == 401  # type: ignore[arg-type]
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/desk", headers=bearer).status_code == 200
        entered = client.get(f"/?token={TOKEN}")
        assert (entered.status_code, entered.headers["location"]) == (303, "./")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert client.get("/api/desk").status_code == 200


def test_a_save_that_is_late_gets_both_texts(client: TestClient, desk: Desk) -> None:
    clip = first(desk)
    assert client.put(f"/api/clips/{clip}", json={**SAVE, "name": "Anna"}).status_code == 200
    late = client.put(f"/api/clips/{clip}", json={**SAVE, "text": "other", "name": "Ben"})
    assert code(late) == (409, "outdated")
    assert "saved meanwhile by Anna" in late.json()["error"]["message"]
    assert late.json()["current"]["text"] == "text"


def test_a_recording_that_vanished_is_told(client: TestClient, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "in/a0.wav").unlink()
    assert code(client.get(f"/api/clips/{first(desk)}/audio")) == (422, "bad_audio")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no recordings"),
        (["in"], "no output file"),
        (["in", "--out", "data.txt"], "must end in .csv"),
        (["in", "--out", "data.csv", "--scorer_path", "x"], "no effect without --model"),
        (["in", "--out", "data.csv", "--token", "short"], "give 12 characters or more"),
        (["in", "--out", "data.csv", "--normalize_transcripts", "true"], "needs an alphabet"),
        (["in", "--out", "data.csv", "--allowed_hosts", "http://x"], "without http"),
        (["in", "--out", "data.csv", "--clip_seconds", "99"], "must be from 3 to 60"),
    ],
)
def test_flags_that_do_not_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    write_recordings(tmp_path / "in", 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FlagError, match=message):
        main([*words, "--port", "0"] if words else words)


def test_two_desks_do_not_write_one_data_set(tmp_path: Path) -> None:
    write_recordings(tmp_path / "in", 1)
    with (
        holding(tmp_path / ".data.csv.lock"),
        pytest.raises(FlagError, match="in use by another stt label, process"),
    ):
        main([str(tmp_path / "in"), "--out", str(tmp_path / "data.csv"), "--port", "0"])
