"""A transcription desk: cuts recordings, drafts transcripts, and saves the corrected ones."""
