import pytest
import torch

from models.precision import autocast


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_network_is_called_in_the_precision_that_is_named(precision, dtype):
    network = torch.nn.Linear(2, 2)
    with autocast(network, precision):
        assert network(torch.ones(1, 2)).dtype == dtype
    assert network(torch.ones(1, 2)).dtype == torch.float32


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="not float16"):
        autocast(torch.nn.Linear(2, 2), "float16")
