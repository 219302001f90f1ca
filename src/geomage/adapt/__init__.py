"""Source to target: images of one domain shown as another domain would, and what is foreign."""
