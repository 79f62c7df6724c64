"""The steps of an analysis, in the order in which :mod:`core.pipeline` takes them."""
