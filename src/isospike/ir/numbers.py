"""What is asked of all numbers of a tensor at once, without a copy of it: large networks leave no room for one."""

import torch
from torch import Tensor


def finite(t: Tensor) -> bool:
    """Whether no number is NaN or infinite."""
    return bool(torch.isfinite(torch.stack(torch.aminmax(t))).all()) if t.numel() else True


def largest(t: Tensor) -> Tensor:
    """The largest magnitude of finite numbers, () of t's dtype; zero if there is none."""
    low, high = torch.aminmax(t) if t.numel() else (t.new_zeros(()), t.new_zeros(()))
    if bool(torch.isfinite(low) & torch.isfinite(high)):
        return torch.maximum(-low, high)
    kept = t[torch.isfinite(t)].abs()
    return kept.max() if kept.numel() else t.new_zeros(())
