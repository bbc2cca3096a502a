"""A desk for transcribers: recordings to clips, drafts, what people make of them, a data set."""
