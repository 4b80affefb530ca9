"""The list of files of a data set in a Dataverse, such as Borealis, with sizes and digests.

The list is requested for each download. The bundle of a whole data set that a Dataverse offers may be truncated by a
limit of the server, and the ids of files change with every edition.
"""

import json
from contextlib import closing
from urllib.parse import quote

import requests

from mer.corpora.download.source import GB, MB, DownloadError, File, Unpack
from mer.corpora.download.transfer import web
from mer.corpora.download.transfer.members import litter, parts

MAX_LIST_BYTES = 50 * MB
"""The largest size of a list, in bytes. A file takes a few hundred."""
DIGESTS = {"MD5": ("md5", 32), "SHA-256": ("sha256", 64)}
"""Maps a Dataverse's name of an algorithm to Python's name and the number of hexadecimal digits."""


def list_files(server: str, doi: str, session: requests.Session, policy: web.RetryPolicy) -> list[File]:
    """Return the files of the newest published edition of a data set.

    Args:
        server: address such as https://borealisdata.ca
        doi: identifier such as doi:10.5683/SP2/E8H2MF
        session: open session.
        policy: time limits.

    Raises:
        DownloadError: the list cannot be read, or is empty.
    """
    url = f"{server}/api/datasets/:persistentId/versions/:latest-published/files?persistentId={quote(doi)}"
    try:
        entries = json.loads(_read(url, session, policy))["data"]
        listed = [_file(server, entry) for entry in entries if not entry.get("restricted")]
    except (web.RequestRefused, web.TransferInterrupted) as error:
        raise DownloadError(f"the list of files of {doi}: {error} ({url})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DownloadError(f"the list of files of {doi} is not as a Dataverse writes it ({url})") from error
    if not listed:
        raise DownloadError(f"the list of files of {doi} is empty ({url})")
    return listed


def _read(url: str, session: requests.Session, policy: web.RetryPolicy) -> bytes:
    data = b""
    with closing(web.request(session, url, policy)) as response:
        for block in web.read(response, policy):
            data += block
            if len(data) > MAX_LIST_BYTES:
                raise ValueError("too long")
    return data


def _file(server: str, entry: dict) -> File:
    stored = entry["dataFile"]
    members = parts(f"{entry.get('directoryLabel') or ''}/{entry['label']}".lstrip("/"))
    if not members or litter(members):
        raise ValueError("no name")
    algorithm, digits = DIGESTS[stored["checksum"]["type"]]
    digest = str(stored["checksum"]["value"]).lower()
    if len(digest) != digits or int(stored["filesize"]) < 0 or not int(digest, 16) >= 0:
        raise ValueError("no digest or no size")
    name, size = "/".join(members), int(stored["filesize"])
    packed = name.lower().endswith(".zip")
    return File(
        name=name.replace("/", "_") if packed else name,
        urls=(f"{server}/api/access/datafile/{int(stored['id'])}",),
        bytes=size,
        digest=f"{algorithm}:{digest}",
        unpack=Unpack(limit=2 * GB, into=name[: -len(".zip")]) if packed else None,
    )
