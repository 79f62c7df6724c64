"""Inference package of Unmask: media in, calibrated and explained verdict out."""

__version__ = "0.1.0"
