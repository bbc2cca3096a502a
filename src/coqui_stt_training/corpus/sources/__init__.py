"""What collections of clips look like on disk: a file for each format, all read into rows."""
