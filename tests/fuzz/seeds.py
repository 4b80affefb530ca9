"""Small valid files of each kind. They are made, not stored, so that they follow the formats."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from mer import params
from tests.predict.conftest import save_linear

TABLE = b"file,speaker,emotion,text,start,end\na.wav,ann,happy,Gut.,0,1.5\nb.wav,ben,sad,Nein,0 days 00:00:01,2\n"
LINES = b'{"file": "a.wav", "speaker": "ann", "emotion": "happy"}\n{"key": [1, {"a": null}]}\n'
DATABASE = (
    b"name: x\nschemes: {speaker: {labels: {ann: {gender: f, age: 3}}}}\n"
    b"tables: {files: {columns: {speaker: {scheme_id: speaker}, emotion: {}}}}\n"
    b"\0\0\0file,speaker,emotion\na.wav,ann,happy\n"
)
CUES = b"1\n00:00:01,500 --> 00:00:02,000\n<i>Oh</i>\nno!\n\nWEBVTT\n\n00:01.000 --> 00:02.000 align:start\n{\\b1}Yes\n"


def _parameters() -> str:
    """Return complete parameters, without the digest that would stop most changes of them."""
    return params.dump(params.load("params/demo.yaml")).rpartition("# sha256")[0]


def seeds(name: str, folder: Path) -> list[bytes]:
    """Return the seeds of a target; what it needs besides is written to the folder."""
    of_text = {
        "parameters": [_parameters().encode(), b"corpora: [emodb]\n"],
        "yaml": [b"a: &x [1, 2.5, 2024-01-02, ~, 'y']\nb: {<<: {c: d}, e: *x}\n? f\n: !!int 3\n"],
        "json": [b'{"a": [1, 2.5e3, null, "\\u00e9"], "b": {"c": true}}'],
        "text": [TABLE, TABLE.decode().encode("utf-16"), TABLE.decode().encode("utf-16-le")],
        "own_table": [TABLE, TABLE.replace(b",", b"\t")],
        "json_lines": [LINES],
        "database": [DATABASE],
        "cues": [CUES],
        "lists": [b"a.wav\nb.wav\n", b"path,text\na.wav,Hallo\n,nur Text\n", b"path\ttext\na.wav\tHallo\n"],
        "configuration": [b'{"num_hidden_layers": 12, "weight_map": {"a.b": "model.safetensors"}}'],
        "run_folder": [b"name: x\ncorpora: {emodb: {}}\n", json.dumps({
            "format": 2, "state": "done", "outputs": {"tables/a.csv": "0"}, "parts": {"inputs": {}}}).encode()],
    }  # fmt: skip
    makers = {
        "recording": _recordings, "container": _containers, "archive": _archives, "audit_table": _tables,
        "store": _tables,
    }  # fmt: skip
    if name in ("card", "tensors"):
        model = save_linear(folder / "model", ("audio", "text"))
        return [(model / ("model.json" if name == "card" else "model.safetensors")).read_bytes()]
    return of_text[name] if name in of_text else makers[name]()


def _recordings() -> list[bytes]:
    tone = (0.3 * np.sin(np.arange(4000) / 9)).astype(np.float32)
    made = []
    for kind, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("AIFF", "PCM_16"),
    ):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone, 8000, format=kind, subtype=subtype)
        made.append(buffer.getvalue())
    return made


def _containers() -> list[bytes]:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        picture, sound = file.add_stream("mpeg4", rate=5), file.add_stream("aac", rate=16_000)
        picture.width, picture.height = 64, 48
        for n in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * n, np.uint8), format="rgb24")
            file.mux(picture.encode(frame))
        samples = (8000 * np.sin(np.arange(1024 * 8) / 9)).astype(np.float32)[None] / 2**15
        for n in range(8):
            frame = av.AudioFrame.from_ndarray(samples[:, 1024 * n : 1024 * (n + 1)], format="fltp", layout="mono")
            frame.rate, frame.pts = 16_000, 1024 * n
            file.mux(sound.encode(frame))
        file.mux(picture.encode())
        file.mux(sound.encode())
    return [buffer.getvalue()]


def _archives() -> list[bytes]:
    packed, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.txt", "hello " * 20)
        file.writestr("a/c.wav", bytes(100))
    with tarfile.open(fileobj=tar, mode="w:gz") as file:
        member = tarfile.TarInfo("a/b.txt")
        member.size = 5
        file.addfile(member, io.BytesIO(b"hello"))
    return [packed.getvalue(), tar.getvalue()]


def _tables() -> list[bytes]:
    buffer = io.BytesIO()
    pd.DataFrame({"path": ["a.wav", "b.wav"], "emotion": ["happy", None], "n": [1.5, np.nan]}).to_parquet(buffer)
    return [buffer.getvalue(), TABLE, LINES]
