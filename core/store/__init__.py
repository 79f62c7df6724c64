"""What is kept on disk: result cache, history, labels, reviews and uploads. No machine-learning library here."""
