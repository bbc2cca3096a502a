"""From clips to batches: order, features, loading."""
