"""The command line: flags, their groups, logging, progress bars."""
