"""What people and TensorBoard read of a run."""
