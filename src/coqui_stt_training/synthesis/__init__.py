"""The work of `synthesize`: a training set of speech that a synthesiser makes from text."""
