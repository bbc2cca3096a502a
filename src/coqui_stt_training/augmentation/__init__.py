"""Changes of the training data: what may be asked for, and what is then done to samples and frames.

Nothing here knows of clips, files or batches' order: samples go in and samples come out, with all
chance as an argument. `batches/` decides which clip is changed how in which epoch.
"""
