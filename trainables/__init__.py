"""How one configuration becomes a trained model: data, preprocessing, models, optimizers, training.

Imports nothing of ours and knows nothing of sweeps, Ray or MLflow; `cluster/` and `lanewise/` call
it. Everything that prepares or checks (data, split, preprocess, config, metrics, functions) works
without torch, so that a sweep file is refused in a second; torch is imported by what trains.
"""
