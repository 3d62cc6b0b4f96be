"""How one configuration becomes a trained model: data, preprocessing, models, optimizers, training.

Imports nothing of ours and knows nothing of sweeps, Ray or MLflow; `cluster/` and `lanewise/` call
it. `data/` is what trials train on, `kinds/` the built-in models as data and `models/` their
modules; what trains a trial alone lies here, and `packs/` trains many as lanes. Everything that
prepares or checks works without torch, so that a sweep file is refused in a second.
"""
