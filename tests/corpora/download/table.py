"""A table of what the test server serves and what the download does: `python -m tests.corpora.download.table`."""

import tempfile
from pathlib import Path

from mer.corpora.download.source import DownloadError
from mer.corpora.download.transfer.archives import unpack
from tests.corpora.download import test_download_archives as archives
from tests.corpora.download import test_download_fetch as servers
from tests.corpora.download.server import Server, file


def main() -> None:
    """Serve and unpack all cases of the tests; print a row for each."""
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        print("| served | what happened | message |\n|---|---|---|")
        for number, row in enumerate(servers.ROWS):
            place = Path(folder, str(number), "clip.wav")
            url = servers.offer(server, row, f"/{number}")
            said = _said(lambda u=url, r=row, p=place: servers.bring(file(u, **r.known), p, patience=r.patience))
            kept = sum(path.stat().st_size for path in place.parent.glob("*.part"))
            happened = "arrived whole" if place.exists() else f"nothing in place, {kept:,} bytes kept for the next try"
            asked = f"asked {len(server.seen[f'/{number}'])} times"
            print(f"| {row.served} | {happened}; {asked} | {said.replace(url, 'URL')} |")
        for row in (*archives.HOSTILE, *archives.GOOD):
            with tempfile.TemporaryDirectory() as inner:
                archive = archives.place(row, Path(inner))
                said = _said(lambda a=archive, row=row: unpack(a, a.parent / "target", archives.limits(row)))
                left = sorted(path.name for path in Path(inner).rglob("*") if path.is_file() and path != archive)
                print(f"| {row.served} | {', '.join(left)[:60] or 'nothing on disk'} | {said} |")


def _said(action) -> str:
    try:
        action()
    except DownloadError as error:
        return str(error).splitlines()[-1].strip()
    return ""


if __name__ == "__main__":
    main()
