"""Lanewise as scikit-learn estimators: ``Classifier``, ``Regressor`` and ``TuneSearchCV``.

``network`` trains one configuration, ``search`` many of them as lanes in this process; ``rows``
turns X and y into what trains, ``space`` reads a grid or distributions, ``scoring`` scorers. Users
have the three from ``lanewise`` itself; nothing else imports this package.
"""
