"""Where in a picture or a sound a detector sees signs of a fake. Explanations and aids, never scores."""
