"""The encoder of Whisper: specification, module, and the names others give its tensors."""
