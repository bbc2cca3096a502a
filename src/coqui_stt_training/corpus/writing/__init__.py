"""Collections of clips, written."""
