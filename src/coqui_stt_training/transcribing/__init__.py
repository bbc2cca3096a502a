"""Recordings of any length to transcription logs and subtitles."""
