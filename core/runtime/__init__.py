"""Where models live and how they are run."""
