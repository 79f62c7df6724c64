"""Weights: where they are, how they get here, that they are the right ones, and that they fit their network.

:mod:`~core.weights.files` finds and checks, :mod:`~core.weights.manage` pulls, adds and verifies,
:mod:`~core.weights.states` reads checkpoints without running what they hold, :mod:`~core.weights.keymap` and
:mod:`~core.weights.keys` fit their keys to a network.
"""
