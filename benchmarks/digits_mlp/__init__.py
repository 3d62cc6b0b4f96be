"""The workload *digits-mlp*, and the programs of those who run it, each as a process of its own.

`sweep.yaml` is Lanewise's whole program. The others, `ray_documented`, `ray_reuse` and
`optuna_study`, are written as their own documentation shows it, and share
`workload` (the numbers and the rows) and `training` (the network and one epoch of it).
"""
