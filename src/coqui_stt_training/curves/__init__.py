"""Learning curves: error rates by how much there is to train on, and what more of it would give."""
