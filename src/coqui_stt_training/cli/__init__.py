"""The command line: flags in groups, logging, progress bars."""
