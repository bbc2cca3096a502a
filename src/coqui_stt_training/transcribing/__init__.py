"""Transcribes recordings of any length into transcription logs and subtitles."""
