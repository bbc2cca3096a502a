"""From flags to a run and back."""
