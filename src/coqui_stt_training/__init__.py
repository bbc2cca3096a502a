"""Train, bootstrap, evaluate and export speech-to-text models."""
