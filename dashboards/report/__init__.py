"""The report: one HTML file per sweep that opens offline and says what came out of it.

``facts`` reads a sweep into plain values (with ``fit`` and ``advice``, which judge them);
``points``, ``importance``, ``figures`` and ``curves`` make Plotly's JSON; ``page`` makes the HTML;
``build`` writes the file, ``files`` knows where. The projector builds it in a process of its own
(``python -m lanewise.dashboards.report``), after a sweep's last record was sent.
"""
