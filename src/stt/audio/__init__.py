"""Audio, from files and pipes, as samples."""
