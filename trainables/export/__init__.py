"""From a trained model to files that predict without PyTorch.

`onnx` exports its networks, `folder` writes all that an exported model is, described by `about`.
`runtime` reads it and answers rows: with `rows`, `predictions` and `about` it needs NumPy,
onnxruntime and `trainables/data` alone. `cluster/` serves it, `lanewise/` registers it.
"""
