"""Where a file says it comes from, and whether it was seen before. Facts beside the verdict, never part of a score."""
