"""Which files of a folder are recordings."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"),
    *(".m4a", ".mp4", ".webm", ".mka", ".mkv", ".aac", ".amr"),
)


def audio_files(folder: Path, recursive: bool = False) -> list[Path]:
    """Return the audio files in a folder, told by their suffixes, in the order of their names."""
    return sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.glob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
