"""What ``benchmarks.speed`` measures, a module each; every one returns a chapter of the page."""
