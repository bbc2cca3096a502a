"""Work on recordings, spread over the workers of a Ray cluster, on this or other machines."""
