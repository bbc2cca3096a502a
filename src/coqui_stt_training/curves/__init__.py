"""The work of `learning_curve`: error rates by amount of data, extrapolated to more data."""
