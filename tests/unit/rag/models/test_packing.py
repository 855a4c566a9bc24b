import platform

import pytest
import torch

from rag.models.packing import linear_of, packed

X86 = platform.machine().lower() in ("x86_64", "amd64")
NEAR = {torch.float32: {"rtol": 1e-5, "atol": 1e-5}, torch.bfloat16: {"rtol": 1e-2, "atol": 1e-2}}


@pytest.fixture
def layer() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(24, 40), torch.randn(24)


@pytest.mark.skipif(not X86, reason="oneDNN's order is tried on x86 only")
@pytest.mark.parametrize("shape", [(1, 1, 40), (3, 7, 40), (64, 40)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_order_of_the_weights_changes_no_value(layer, shape, dtype):
    weight, bias = (one.to(dtype) for one in layer)
    if dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor computes no bfloat16")
    states = torch.randn(shape).to(dtype)
    compute = packed(weight, bias)
    assert compute is not None
    with torch.inference_mode():
        result = compute(states)
    exact = states.double() @ weight.double().T + bias.double()
    assert result.dtype is dtype
    assert result.shape == (*shape[:-1], 24)
    torch.testing.assert_close(result.double(), exact, **NEAR[dtype])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_what_onednn_does_not_compute_is_torchs_own(layer, dtype):
    weight, bias = (one.to(dtype) for one in layer)
    states = torch.randn(5, 40).to(dtype)
    assert packed(weight, bias) is None
    assert torch.equal(linear_of(weight, bias)(states), torch.nn.functional.linear(states, weight, bias))


def test_without_onednn_it_is_torchs_own(layer, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    states = torch.randn(5, 40)
    assert packed(*layer) is None
    assert torch.equal(linear_of(*layer)(states), torch.nn.functional.linear(states, *layer))
