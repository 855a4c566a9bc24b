"""Linear layers whose weights lie in memory as the library that multiplies them reads them."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Linear = Callable[[torch.Tensor], torch.Tensor]

__all__ = ["linear_of", "packed"]


def linear_of(weight: torch.Tensor, bias: torch.Tensor) -> Linear:
    """The layer with weights [out, in]: states [..., in] -> [..., out], all of one type and device."""
    from torch.nn.functional import linear

    return packed(weight, bias) or functools.partial(linear, weight=weight, bias=bias)


def packed(weight: torch.Tensor, bias: torch.Tensor) -> Linear | None:
    """The layer with its weights in oneDNN's order; None where oneDNN does not compute.

    torch's own layer brings them into that order for each product (bfloat16), or leaves the product to a
    library that does (float32): with the few tokens of a question that takes longer than the product itself.
    The operators are those that torch.compile puts in a layer's place on a CPU.
    """
    import torch

    operators = torch.ops.mkldnn
    if (
        weight.device.type != "cpu"
        or platform.machine().lower() not in ("x86_64", "amd64")
        or not (hasattr(operators, "_reorder_linear_weight") and hasattr(operators, "_linear_pointwise"))
        or not torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        or not (
            weight.dtype == torch.float32
            or (weight.dtype == torch.bfloat16 and operators._is_mkldnn_bf16_supported())
        )
    ):
        return None
    ordered = operators._reorder_linear_weight(weight, None)
    compute = operators._linear_pointwise.default

    def layer(states: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = compute(states, ordered, bias, "none", [], "")
        return product

    return layer
