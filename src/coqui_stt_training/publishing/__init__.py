"""What `push_to_hub` does: finds out what there is of a model, describes it, and uploads it."""
