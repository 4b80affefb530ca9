"""Cells of notebooks as the format stores them."""


def cell(kind, source, at=0, tag=None):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    metadata = {"tags": [tag]} if tag else {}
    return {"cell_type": kind, "id": f"cell-{at}", "metadata": metadata, "source": source, **extra}
