"""The work of `compare`: train in several ways with several seeds each, and compare the results."""
