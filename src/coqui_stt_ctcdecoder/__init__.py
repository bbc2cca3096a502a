"""Alphabets, language-model scorers and CTC decoding."""

from .alphabet import Alphabet, UTF8Alphabet
from .errors import AlphabetError, DecodeError, ScorerError, UserError

__all__ = ["Alphabet", "AlphabetError", "DecodeError", "ScorerError", "UTF8Alphabet", "UserError"]
