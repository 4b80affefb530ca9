import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread, which is faster for networks of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
