"""Optimizers: their options without torch (`options`), torch's classes from a configuration
(`build`), and their state into checkpoints and back (`state`).
"""
