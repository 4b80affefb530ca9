"""Fusion networks: nothing but modules and shapes."""


def build(name, widths, classes, *, hidden, dropout, gate, missing, layers=None):
    from mer.models.gated import GatedFusion

    return GatedFusion(widths, classes, hidden, dropout, gate, missing)
