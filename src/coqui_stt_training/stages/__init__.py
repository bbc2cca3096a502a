"""The stages of `bootstrap`: from a collection of clips to a model to deploy."""
