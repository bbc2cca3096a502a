"""Commands that upstream keeps in its `util` package."""
