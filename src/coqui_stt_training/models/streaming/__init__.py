"""An encoder that hears as one speaks: chunk by chunk, with a state."""
