"""Front ends: from samples to what an acoustic model takes. Each is defined once."""
