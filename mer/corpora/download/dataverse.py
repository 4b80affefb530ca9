"""The list of files of a data set in a Dataverse, such as Borealis, with sizes and digests, asked for at the time.

The bundle of a whole data set that a Dataverse offers ends silently at a limit of the server, and numbers of
files change with every edition; the list knows both.
"""

import json
from contextlib import closing
from urllib.parse import quote

import requests

from mer.corpora.download import web
from mer.corpora.download.members import litter, parts
from mer.corpora.download.source import GB, MB, DownloadError, File, Unpack

LIST_LIMIT = 50 * MB
"""bytes; a few hundred per file"""
DIGESTS = {"MD5": ("md5", 32), "SHA-256": ("sha256", 64)}
"""what a Dataverse calls them -> our name, hexadecimal digits"""


def listed(server: str, doi: str, session: requests.Session, patience: web.Patience) -> list[File]:
    """Return the files of the newest published edition of a data set.

    Args:
        server: as in https://borealisdata.ca
        doi: as in doi:10.5683/SP2/E8H2MF

    Raises:
        DownloadError: the list cannot be had, or is none.
    """
    url = f"{server}/api/datasets/:persistentId/versions/:latest-published/files?persistentId={quote(doi)}"
    try:
        told = json.loads(_read(url, session, patience))["data"]
        found = [_file(server, entry) for entry in told if not entry.get("restricted")]
    except (web.Refused, web.Interrupted) as error:
        raise DownloadError(f"the list of files of {doi}: {error} ({url})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(f"the list of files of {doi} is not as a Dataverse writes it ({url})") from error
    if not found:
        raise DownloadError(f"the list of files of {doi} is empty ({url})")
    return found


def _read(url: str, session: requests.Session, patience: web.Patience) -> bytes:
    data = b""
    with closing(web.ask(session, url, patience)) as response:
        for part in web.read(response, patience):
            data += part
            if len(data) > LIST_LIMIT:
                raise ValueError("too long")
    return data


def _file(server: str, entry: dict) -> File:
    stored = entry["dataFile"]
    found = parts(f"{entry.get('directoryLabel') or ''}/{entry['label']}".lstrip("/"))
    if not found or litter(found):
        raise ValueError("no name")
    algorithm, digits = DIGESTS[stored["checksum"]["type"]]
    digest = str(stored["checksum"]["value"]).lower()
    if len(digest) != digits or int(stored["filesize"]) < 0 or not int(digest, 16) >= 0:
        raise ValueError("no digest or no size")
    name, size = "/".join(found), int(stored["filesize"])
    packed = name.lower().endswith(".zip")
    return File(
        name=name.replace("/", "_") if packed else name,
        urls=(f"{server}/api/access/datafile/{int(stored['id'])}",),
        bytes=size,
        digest=f"{algorithm}:{digest}",
        unpack=Unpack(limit=2 * GB, into=name[: -len(".zip")]) if packed else None,
    )
