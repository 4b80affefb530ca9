"""Classical classifiers behind the interface of a network."""
