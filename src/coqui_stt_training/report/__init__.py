"""Reports of training runs and evaluations, for people and for TensorBoard."""
