"""The registry: a sweep's model as a version of a registered model in MLflow, with its aliases.

``store`` speaks to MLflow, through its public client alone; ``names`` reads what people type;
``packaging`` makes the pyfunc model of an exported model or a bundle; ``promote`` goes from a
sweep to a version. Nothing here imports torch.
"""
