"""Public corpora, as they are published, turned into CSV files to train on."""
