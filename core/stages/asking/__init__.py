"""How members of a preset are asked, by what they look at or listen to."""
