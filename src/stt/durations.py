"""Formats durations for messages."""

from __future__ import annotations


def say_duration(seconds: float) -> str:
    """Return a duration such as `0.4 s`, `12 s`, `5 min`, `2 h 5 min` or `3 days 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(hours + minutes / 60), 24)
    return f"{days} {'day' if days == 1 else 'days'}{f' {hours} h' if hours else ''}"


def say_audio_length(seconds: float) -> str:
    """Return the length of recordings in hours, or in minutes if it is less than an hour."""
    hours = seconds / 3600
    if hours >= 1:
        return f"{hours:.0f} hours" if hours >= 100 else f"{hours:.1f} hours"
    return f"{seconds / 60:.1f} minutes"
