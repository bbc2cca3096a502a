"""What people need to know of a corpus before they train on it: the work of `check`."""
