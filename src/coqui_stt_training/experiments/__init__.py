"""What commands with several trainings share: running and measuring them, and recording results."""
