"""What a trial leaves in files, and the trained model that is made of it.

`files` writes and reads one, without pickle; `state` is what it says in JSON, `weights` what it
holds of a module. A `bundle` is a trained model in a folder of its own; `trained` predicts, by
`outputs`, and `evaluation` measures it; `fidelity` checks that what is stored is what was reported.
"""
