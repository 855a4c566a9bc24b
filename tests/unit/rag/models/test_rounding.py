import pytest
import torch

from rag.models.rounding import RoundedLinear, rounded_rows


def test_each_row_has_255_steps_of_its_own():
    rows = torch.tensor([[0.0, 127.0, -63.6], [-2.54, 0.019, 1.0], [0.0, 0.0, 0.0]])
    rounded, scale = rounded_rows(rows)
    assert rounded.dtype is torch.int8
    assert rounded.tolist() == [[0, 127, -64], [-127, 1, 50], [0, 0, 0]]
    torch.testing.assert_close(scale, torch.tensor([[1.0], [0.02], [0.0]]), atol=1e-30, rtol=1e-6)


def test_the_layer_is_the_product_of_what_was_rounded():
    torch.manual_seed(1)
    weight, bias = torch.randn(32, 16), torch.randn(32)
    states = torch.randn(3, 5, 16) * torch.logspace(-3, 3, 5)[:, None] + 3.0  # tokens of different sizes
    result = RoundedLinear(weight, bias)(states)
    tokens = states.view(15, 16)
    middle = (tokens.amax(1, keepdim=True) + tokens.amin(1, keepdim=True)) / 2
    (w, by_row), (x, by_token) = rounded_rows(weight), rounded_rows(tokens - middle)
    exact = (x.double() * by_token + middle) @ (w.double() * by_row).T + bias.double()
    torch.testing.assert_close(result, exact.float().view(3, 5, 32), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_token_beside_an_outlier_keeps_its_digits(size):
    torch.manual_seed(2)
    weight, token = torch.randn(64, 48), size * torch.randn(1, 48)
    states = torch.cat([token, torch.full((1, 48), 1e4)])
    result = RoundedLinear(weight, torch.zeros(64))(states)[0]
    cosine = torch.nn.functional.cosine_similarity(result, (token @ weight.T)[0], dim=0)
    assert cosine > 0.9995


def test_outliers_of_one_sign_cost_half_as_much():
    torch.manual_seed(3)
    (w, by_row), tokens = rounded_rows(torch.randn(64, 48)), torch.randn(40, 48)
    weight = w * by_row
    tokens[:, 7] += 40.0
    x, by_token = rounded_rows(tokens)
    around_zero = (x * by_token) @ weight.T
    around_middle = RoundedLinear(weight, torch.zeros(64))(tokens)
    exact = tokens @ weight.T
    assert (around_middle - exact).norm() < 0.6 * (around_zero - exact).norm()
