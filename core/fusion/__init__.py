"""From scores to a verdict; no machine-learning library is imported here."""
