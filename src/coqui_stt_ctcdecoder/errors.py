"""Errors a user can mend. Each says what is wrong, where, why, and what to do about it.

This package is the lowest of the three, so the base class lives here; `coqui_stt_training.errors`
and `stt` add their own.
"""


class UserError(ValueError):
    """Bad input, not a bug: commands print it on one line and exit with status 2."""

    @property
    def detail(self) -> str:
        """What is wrong, where, and what mends it."""
        return str(self)


class AlphabetError(UserError):
    """An alphabet file is malformed, or text holds characters outside the alphabet."""


class ScorerError(UserError):
    """A scorer file is missing, malformed, or does not fit the alphabet."""


class DecodeError(UserError):
    """Posteriors or decoder settings that cannot be decoded."""


class NotBuiltError(UserError, ImportError):
    """The sources are there, but what is compiled from them is not."""
