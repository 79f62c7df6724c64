"""Detectors: one file per family, all answering with logits whose sigmoid is P(fake)."""
