"""From text to language models and scorers."""
