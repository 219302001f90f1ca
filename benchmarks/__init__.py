"""What measures: the figures of the line, and a quick look at a model."""
