"""Data augmentation: the kinds and their parameters, and what they do to samples and frames.

Nothing here depends on clips, files or the order of batches: the functions map samples to samples,
with all randomness as an argument. `batches/` decides how each clip is changed in each epoch.
"""
