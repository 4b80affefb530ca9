"""Multi-corpus emotion recognition: corpora, features, fusion and honest cross-corpus numbers.

Packages, in the order in which data flows (each imports only from those before it): `params`,
`stats`, `corpora`, `dataset`, `media`, `features`, `models`, `training`, `evaluation`, `report`.
`runner` executes notebooks and knows nothing about emotions. See ARCHITECTURE.md.
"""

__version__ = "0.1.0"
