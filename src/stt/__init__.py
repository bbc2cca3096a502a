"""The runtime: speech to text with a trained model, without PyTorch."""
