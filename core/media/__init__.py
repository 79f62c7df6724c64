"""Media in: what a file is, what it says about itself, and its pictures and sound with exact times."""
