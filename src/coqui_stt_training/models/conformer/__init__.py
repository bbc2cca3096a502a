"""Conformer encoders: specification, module, and foreign names of tensors."""
