"""Repeated steps as one CUDA graph: launching their operations one by one takes longer than most of them."""

from collections.abc import Callable

import torch
from torch import Tensor


class CudaGraphFunction:
    """Calls a function that changes tensors in place, repeatedly with tensors of the same shapes.

    On a CUDA device the first call runs as it is, because libraries initialise themselves in it. The second call is
    recorded as a CUDA graph, which replays all further ones by one launch. On other devices every call is a plain one.
    """

    def __init__(self) -> None:
        self._arguments: tuple[Tensor, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, function: Callable[..., None], *arguments: Tensor) -> None:
        """Call the function, always the same one.

        Args:
            function: changes tensors in place and has no branch on a tensor's value.
        """
        if not arguments[0].is_cuda:
            function(*arguments)
        elif not self._arguments:
            self._arguments = tuple(value.clone() for value in arguments)
            function(*self._arguments)
        else:
            for own, value in zip(self._arguments, arguments, strict=True):
                own.copy_(value)
            if self._graph is None:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph):
                    function(*self._arguments)
            self._graph.replay()
