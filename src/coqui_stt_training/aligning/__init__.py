"""The work of `align`: find the times of the words of a text, and cut recordings into clips."""
