"""Finding, following and cutting out faces."""
