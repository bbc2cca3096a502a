"""Imports public corpora in their published form, as CSV files to train on."""
