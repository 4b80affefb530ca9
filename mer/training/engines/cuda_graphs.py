"""Steps that a GPU is told once and then repeats by itself: telling it takes longer than most of them."""

from collections.abc import Callable

import torch
from torch import Tensor


class Replayed:
    """Calls a function that changes tensors in place, again and again with tensors of the same shapes.

    On a CUDA device the first call runs as it is, which lets libraries set themselves up, the second one is recorded
    as a CUDA graph, and from then on one launch repeats it. Elsewhere every call is a plain one.
    """

    def __init__(self) -> None:
        self._given: tuple[Tensor, ...] = ()
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, function: Callable[..., None], *given: Tensor) -> None:
        """Call the function, always the same one.

        Args:
            function: what it changes stays where it is in memory, and it looks at no value on the way.
        """
        if not given[0].is_cuda:
            function(*given)
        elif not self._given:
            self._given = tuple(value.clone() for value in given)
            function(*self._given)
        else:
            for own, value in zip(self._given, given, strict=True):
                own.copy_(value)
            if self._graph is None:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph):
                    function(*self._given)
            self._graph.replay()
