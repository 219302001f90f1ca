"""Is an image within what a model has learnt? Scorers, higher where it is more foreign.

With a flow learnt on the training domain: `odeed`, `denoising`. With features: `distances`. The
cheap one that maps are marked with: `texture`, fitted by `cheap`, run by `geomage.model`.
"""
