"""Zip and tar archives in memory."""

import io
import tarfile
import warnings
import zipfile

CLIP = b"RIFF" + bytes(range(200))


def zipped(*result: tuple[str, bytes], change=None, packed=zipfile.ZIP_STORED) -> bytes:
    """Return a zip of (name, data); `change` alters each entry's description."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive, warnings.catch_warnings(action="ignore"):
        for name, data in result:
            info = zipfile.ZipInfo(name)
            info.compress_type = packed
            if change:
                change(info)
            archive.writestr(info, data)
    return out.getvalue()


def tarred(*result: tuple[str, bytes], change=None, form=tarfile.PAX_FORMAT, **given) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form, **given) as archive:
        for name, data in result:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()
