"""Matrices in 8-bit integers with a scale for each row, and a network's linear layer that computes with them.

("W8A8" with dynamic scales for each token: Yao et al., "ZeroQuant", NeurIPS 2022)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["RoundedLinear", "rounded_rows"]

STEPS = 127


def rounded_rows(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 [n, d] and the scales of its rows, float32 [n, 1]; their product is ``rows`` (float32) again."""
    import torch

    largest = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True))
    scale = (largest / STEPS).clamp_(min=torch.finfo(torch.float32).tiny)
    return (rows / scale).round_().to(torch.int8), scale


class RoundedLinear:
    """A linear layer whose weights are rounded once, and whose states as they come, each token by itself: one
    scale for a whole batch would leave little of the tokens whose values are small beside an outlier's.

    A token's 255 steps lie around the middle of its values, which is added again afterwards. Outliers are
    mostly of one sign, so the steps are finer: half of the error (as 1 - cosine) of steps around zero.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        rounded, scale = rounded_rows(weight.float())
        self._weight = rounded.t().contiguous()
        self._scale, self._bias = scale.flatten(), bias.float()
        self._sums = (rounded * scale).sum(1)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """float32 [..., in] -> float32 [..., out]."""
        import torch

        tokens = states.reshape(-1, states.shape[-1])
        highest, lowest = tokens.amax(1, keepdim=True), tokens.amin(1, keepdim=True)
        middle = (highest + lowest) / 2
        scale = ((highest - middle) / STEPS).clamp_(min=torch.finfo(torch.float32).tiny)
        rounded = (tokens - middle).div_(scale).round_().to(torch.int8)
        # in place: at this size new memory costs as much as what is computed in it
        product = torch._int_mm(rounded, self._weight).float().mul_(self._scale).mul_(scale)
        product.add_(self._bias).addcmul_(middle, self._sums)
        return product.view(*states.shape[:-1], -1)
