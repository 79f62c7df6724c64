"""From people's labels to better weights: what counts, what is held back, and when a new version takes over."""
