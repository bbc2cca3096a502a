"""The page with examples of augmentations."""

from __future__ import annotations

from pathlib import Path

from browser import needs_browser, opened, refused, stumbles
from command_runner import run_command

from .conftest import ToneCorpus


def write(latin: ToneCorpus, page: Path, *flags: object) -> None:
    result = run_command(
        "augment_preview", "--audio", latin.train, "--limit", 2, "--variants", 2, "--output", page,
        *flags,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Wrote 2 variants of 2 recordings" in result.stderr


@needs_browser
def test_recordings_are_heard_and_seen(latin: ToneCorpus, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write(latin, page, "--augment", "speed[factor=0.5]", "specaugment", "volume", "tempo", "warp")
    with opened(page) as shown:
        assert shown.locator("section").count() == 2
        assert shown.locator("figure").count() == 6
        wide = shown.eval_on_selector_all("img", "all => all.map(one => one.naturalWidth)")
        assert min(wide) > 20
        assert wide[1] > 1.5 * wide[0]  # half the speed, a tenth more tempo
        lasting = shown.evaluate(
            """() => Promise.all([...document.querySelectorAll('audio')].map(one => new Promise(
                done => { one.onloadedmetadata = () => done(one.duration); one.load(); })))"""
        )
        assert lasting[1] > 1.5 * lasting[0]
        assert not refused(shown)
        assert not stumbles(shown)


def test_the_same_seed_gives_the_same_page(latin: ToneCorpus, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(latin, tmp_path / name, "--augment", "add[domain=signal,stddev=0.1]",
              "--random_seed", seed)  # fmt: skip
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_mistakes_are_said(latin: ToneCorpus, tmp_path: Path) -> None:
    for flags, said in (
        ((), "give --audio"),
        (("--audio", tmp_path / "gone.wav"), "gone.wav"),
        (("--audio", latin.train, "--augment", "spede"), "(nearest: speed)"),
        (("--audio", latin.train, "--augment", "join"), "cannot be shown here"),
        (("--audio", latin.train, "--augment", "overlay[source=gone]"), "overlay[source=gone]: "),
        (("--audio", latin.train, "--clock", 2), "must be from 0 to 1"),
    ):
        result = run_command("augment_preview", *flags, "--output", tmp_path / "page.html")
        assert result.returncode
        assert said in result.stderr
        assert not (tmp_path / "page.html").exists()
