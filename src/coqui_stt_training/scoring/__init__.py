"""From emissions to losses, transcripts and error rates."""
