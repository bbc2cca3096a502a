"""Finds the audio files in a folder."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"),
    *(".m4a", ".mp4", ".webm", ".mka", ".mkv", ".aac", ".amr"),
)


def audio_files(folder: Path, recursive: bool = False) -> list[Path]:
    """Return the files in a folder that have an audio suffix, sorted by path.

    What macOS writes beside files on other systems' disks, such as `._a.wav`, is not audio.
    """
    return sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.glob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("._") and path.is_file()
    )
