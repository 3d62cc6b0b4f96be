"""Losses and metrics: their names, tasks and options without torch (`names`), their values with it.

`losses` are what is trained with, `scores` what is measured over whole parts; `anomaly` and
`generated` measure what only their tasks have.
"""
