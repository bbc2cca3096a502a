"""The encoder of Whisper: specification, module, and foreign names of tensors."""
