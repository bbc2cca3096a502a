"""Errors that a user can fix. Each says what is wrong, where, why, and what to do about it.

The base class is here because this package is the lowest of the three. `stt.errors` and
`coqui_stt_training.errors` add their own.
"""


class UserError(ValueError):
    """Bad input, not a bug. Commands print it on one line and exit with status 2."""

    @property
    def detail(self) -> str:
        """What is wrong, where, and how to fix it."""
        return str(self)


class AlphabetError(UserError):
    """An alphabet file is malformed, or a text has characters outside the alphabet."""


class ScorerError(UserError):
    """A scorer file is missing, malformed, or does not fit the alphabet."""


class DecodeError(UserError):
    """The posteriors or settings of a decoder, aligner or loss are invalid."""


class NotBuiltError(UserError, ImportError):
    """The native code of this package has not been built."""
