"""What a new model takes from a pre-trained one."""
