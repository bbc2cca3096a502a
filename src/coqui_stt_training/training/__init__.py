"""The training loop and its state: optimizer, schedules, losses, processes."""
