"""The manifest in Croissant 1.0, MLCommons' description of datasets (https://docs.mlcommons.org/croissant/)."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mer import files
from mer.corpora import Corpus

NAME, TABLE = "croissant.json", "manifest.parquet"
"""The names of the description and of the manifest beside it."""
CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field", "fileObject": "cr:fileObject", "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/", "recordSet": "cr:recordSet", "references": "cr:references",
    "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
"""The context that the specification prescribes."""
TYPES = {"i": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
"""The kind of a column -> its type in Croissant; other columns are texts."""


def write(folder: Path, study: str, manifest: Path, corpora: Mapping[str, Corpus]) -> Path:
    """Copy the manifest and write its description beside it; return the path of the description.

    Args:
        folder: the folder, which is created.
        study: the name of the study.
        manifest: the path of the manifest.
        corpora: the corpora of the study.
    """
    with files.replacing(folder / TABLE) as partial:
        shutil.copyfile(manifest, partial)
    table = pd.read_parquet(folder / TABLE)
    own = [corpora[name] for name in sorted(set(table["corpus"])) if name in corpora]
    files.write_json(folder / NAME, describe(study, table, files.digest_file(folder / TABLE), own))
    return folder / NAME


def describe(study: str, table: pd.DataFrame, sha256: str, corpora: list[Corpus]) -> dict:
    """Return the description of a manifest.

    Args:
        study: the name of the study.
        table: the manifest.
        sha256: the digest of its file.
        corpora: the corpora that it has.
    """
    titles = ", ".join(corpus.title for corpus in corpora)
    source = {"fileObject": {"@id": TABLE}}
    fields = [
        {"@type": "cr:Field", "@id": f"utterances/{name}", "name": f"utterances/{name}", "dataType": _type(table[name]),
         "source": source | {"extract": {"column": name}}}
        for name in table.columns
    ]  # fmt: skip
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "name": study, "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"One row per utterance of {titles}: file, speaker, label, class, part and transcript. The "
                       "recordings are not part of it.",
        "license": list(dict.fromkeys(corpus.licence for corpus in corpora)),
        "citeAs": " ".join(dict.fromkeys(corpus.citation for corpus in corpora)),
        "url": "https://github.com/SMIL-SPCRAS/MER", "version": "1.0.0",
        "distribution": [{"@type": "cr:FileObject", "@id": TABLE, "name": TABLE, "contentUrl": TABLE,
                          "encodingFormat": "application/x-parquet", "sha256": sha256}],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "utterances", "name": "utterances",
                       "key": {"@id": "utterances/utterance_id"}, "field": fields}],
    }  # fmt: skip


def _type(column: pd.Series) -> str:
    kind = getattr(column.dtype, "kind", "O")
    return TYPES.get("i" if kind == "u" else kind, "sc:Text")
