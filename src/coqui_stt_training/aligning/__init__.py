"""When the words of a known text are said, and clips of long recordings: the work of `align`."""
