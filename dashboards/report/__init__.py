"""The report: one HTML file per sweep that opens offline and says what came out of it.

``facts`` reads a sweep into plain values (with ``fit`` and ``advice``, which judge them);
``study``, ``figures`` and ``curves`` draw; ``page`` makes the HTML; ``build`` writes the file.
Only the drawing imports Optuna and Plotly, which takes seconds: the projector builds it in a
process of its own (``python -m lanewise.dashboards.report``), after a sweep's last record was sent.
"""
