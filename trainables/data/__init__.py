"""From what a source names to what models train on: rows, parts and folds, inputs and targets.

`source` reads, `dataset` prepares; `inputs` and `targets` are fitted on the training part of each
fold and ship with the model. No torch anywhere in here.
"""
