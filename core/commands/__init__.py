"""The subcommands of ``python -m core.cli``, a module each: ``add`` describes it, its ``run`` does it.

Nothing heavy is imported before a command runs, so that help and usage errors come at once.
"""
