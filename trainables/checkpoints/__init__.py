"""What a trial leaves in files, and the trained model that is made of it.

`files` writes and reads one, without pickle; `state` is what it says in JSON, `weights` what it
holds of a module; `trained` loads the best weights, `fidelity` checks that they are what was
reported.
"""
