"""Speed, memory and scaling, each a command that prints ratios measured side by side."""
