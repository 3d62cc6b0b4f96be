"""How a network is trained: replicas, their epochs and steps, a trial of them; users' functions.

A trial is `model_trial.ModelTrial`, or `function.FunctionTrial`; executors open both through
`trainables/trial.py`. All that is random comes from `streams`. Packs train the same their own way.
"""
