"""How one configuration becomes a trained model: data, preprocessing, models, optimizers, training.

Imports nothing of ours and knows nothing of sweeps, Ray or MLflow; `cluster/` and `lanewise/` call
it. `recipe` is what all trials of a sweep share, `trial` opens one. `data/` is what they train on,
`models/` what is trained, `optim/`, `metrics/` and `training/` how; `packs/` trains many as lanes,
`checkpoints/` is what they leave, `user_code/` what users bring. Everything that prepares or checks
works without torch, so that a sweep file is refused in a second.
"""
