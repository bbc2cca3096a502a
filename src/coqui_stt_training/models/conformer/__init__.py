"""Conformer encoders: specification, module, and the names others give their tensors."""
