"""What the best score is worth. It was selected among many noisy ones, so it is too good.

Bootstraps of the validation rows repeat the selection: `weights` draws them, `statistics` scores an
evaluation under them, `stream` keeps of all evaluations what is needed, `estimate` corrects the
best score and says which trials are tied with the best. `repeated` is of configurations that were
trained again. numpy and scipy alone; no decision depends on it.
"""
