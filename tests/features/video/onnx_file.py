"""Writing a network with CenterFace's outputs as ONNX, byte by byte, so that no package for it is needed."""

import math

import numpy as np


def bright_cells(length: float) -> bytes:
    """Return a network that finds a face of `length` pixels in every white cell of 4 × 4.

    Its outputs are named as the published ones: 537 is the heat, 538 the sizes, 539 the offsets.
    """
    mean = np.full((1, 3, 4, 4), 1 / 48 / 255, np.float32)
    nothing = np.zeros((2, 3, 4, 4), np.float32)
    nodes = [
        _conv("brightness"),
        _node("Mul", ["brightness", "steep"], "steeper"),
        _node("Sigmoid", ["steeper"], "537"),
        _conv("538"),
        _conv("539"),
    ]
    tensors = [
        _tensor("brightness.w", mean), _tensor("brightness.b", np.full(1, -0.5, np.float32)),
        _tensor("steep", np.full(1, 40.0, np.float32)),
        *(_tensor(f"{n}.w", nothing) for n in ("538", "539")),
        _tensor("538.b", np.full(2, math.log(length / 4), np.float32)), _tensor("539.b", np.zeros(2, np.float32)),
    ]  # fmt: skip
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"cells")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, _value("picture", 3, 32))
    graph += b"".join(_field(12, _value(n, c, 8)) for n, c in (("537", 1), ("538", 2), ("539", 2)))
    return _number(1, 7) + _field(7, graph) + _field(8, _number(2, 11))


def _conv(name: str) -> bytes:
    attributes = [("kernel_shape", [4, 4]), ("strides", [4, 4])]
    lists = [
        _field(1, n.encode()) + b"".join(_number(8, v) for v in values) + _number(20, 7) for n, values in attributes
    ]
    return _node("Conv", ["picture", f"{name}.w", f"{name}.b"], name) + b"".join(_field(5, one) for one in lists)


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, i.encode()) for i in inputs) + _field(2, output.encode()) + _field(4, kind.encode())


def _tensor(name: str, values: np.ndarray) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, 1) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, channels: int, side: int) -> bytes:
    shape = b"".join(_field(1, _number(1, size)) for size in (1, channels, side, side))
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, 1) + _field(2, shape)))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded, value = encoded + bytes([value & 127 | 128]), value >> 7
    return encoded + bytes([value])
