"""The work of `push_to_hub`: find the files of a model, describe it, and upload both."""
