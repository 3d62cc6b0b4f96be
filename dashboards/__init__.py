"""Where people look: MLflow, the terminal, live progress.

All of it reads the journal (``search.view``) and nothing else: MLflow is a projection, written by
a process of its own (``projector``), the only place that imports MLflow. Imports
``search`` and ``spaces``; called by ``lanewise``.
"""
