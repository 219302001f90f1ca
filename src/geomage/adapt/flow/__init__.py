"""Flow matching from source to target: path, coupling, velocity, solver, each a small piece.

A velocity v(x, t) is learnt that carries x_0 of the source to x_1 of the target as t goes from 0 to
1 (Lipman et al. 2023, arXiv 2210.02747; Albergo and Vanden-Eijnden 2023, arXiv 2209.15571). What
runs a translator needs no torch.
"""
