"""Noise schedules as float64 tables, and the subsets of their steps that a sampler takes.

With alpha_t = 1 - beta_t and alpha-bar_t their running product (Ho et al. 2020, equation 4):
x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) noise.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from toolkit.errors import InputError


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps of a diffusion in rising order.

    `betas` (S,) float64; `steps` (S,) int64: the index that the network gets at each position. In a whole schedule they
    are 0..S-1; in a spaced one the indices that were kept. `last_alpha_bar` is alpha-bar where a sampler's last step ends,
    and what the first beta is counted from: 1, the clean image, but for schedules that leave out the first index.
    """

    betas: Tensor
    steps: Tensor
    last_alpha_bar: float = 1.0

    def __len__(self) -> int:
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """alpha-bar, (S,) float64."""
        return self.last_alpha_bar * torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def alphas_cumprod_prev(self) -> Tensor:
        """alpha-bar one position earlier; `last_alpha_bar` before the first."""
        last = self.alphas_cumprod.new_tensor([self.last_alpha_bar])
        return torch.cat([last, self.alphas_cumprod[:-1]])

    @cached_property
    def sqrt_recip_alphas_cumprod(self) -> Tensor:
        """sqrt(1 / alpha-bar)."""
        return (1 / self.alphas_cumprod).sqrt()

    @cached_property
    def sqrt_recipm1_alphas_cumprod(self) -> Tensor:
        """sqrt(1 / alpha-bar - 1)."""
        return (1 / self.alphas_cumprod - 1).sqrt()

    @cached_property
    def posterior_variance(self) -> Tensor:
        """beta-tilde, the variance of x_{t-1} given x_t and x_0 (Ho et al. 2020, equation 7); 0 where the clean image follows."""
        return self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_log_variance(self) -> Tensor:
        """log beta-tilde; a first entry of 0 is replaced by the second, since the logarithm of 0 is no number."""
        variance = self.posterior_variance
        if variance[0] > 0:
            return variance.log()
        return torch.cat([variance[1:2], variance[1:]]).log() if len(variance) > 1 else self.betas.log()

    @cached_property
    def posterior_start(self) -> Tensor:
        """The factor of x_0 in the mean of x_{t-1} given x_t and x_0."""
        return self.betas * self.alphas_cumprod_prev.sqrt() / (1 - self.alphas_cumprod)

    @cached_property
    def posterior_current(self) -> Tensor:
        """The factor of x_t in that mean; 0 where the clean image follows."""
        return (1 - self.alphas_cumprod_prev) * (1 - self.betas).sqrt() / (1 - self.alphas_cumprod)

    def sigma(self, eta: float) -> Tensor:
        """The deviation of DDIM's step noise (Song et al. 2021, equation 16), (S,) float64."""
        return eta * self.posterior_variance.sqrt()

    def head(self, count: int) -> "Schedule":
        """The first `count` positions: what is left of a sampling that starts from an image noised that far."""
        return Schedule(self.betas[:count], self.steps[:count], self.last_alpha_bar)

    def noisy(self, start: Tensor, noise: Tensor, position: Tensor) -> Tensor:
        """x_t of clean images `start` (n, ...) at `position` (n,)."""
        signal = at(self.alphas_cumprod.sqrt(), position, start)
        spread = at((1 - self.alphas_cumprod).sqrt(), position, start)
        return signal * start + spread * noise


def at(table: Tensor, position: Tensor, like: Tensor) -> Tensor:
    """Entries of a float64 table in float32, on the device of `like` and shaped (n, 1, ...) to multiply it."""
    values = table.float().to(like.device)[position.to(like.device)]
    return values.reshape(-1, *[1] * (like.ndim - 1))


def linear_schedule(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Schedule:
    """Betas on a straight line (Ho et al. 2020, section 4)."""
    return Schedule(torch.linspace(first, last, steps, dtype=torch.float64), torch.arange(steps))


def scaled_linear_schedule(steps: int = 1000, first: float = 1.5e-3, last: float = 0.0195) -> Schedule:
    """Betas whose square roots lie on a straight line (Rombach et al. 2022; latent diffusion calls it "linear")."""
    roots = torch.linspace(math.sqrt(first), math.sqrt(last), steps, dtype=torch.float64)
    return Schedule(roots**2, torch.arange(steps))


def cosine_schedule(steps: int = 1000) -> Schedule:
    """alpha-bar on a squared cosine, betas held under 0.999 (Nichol and Dhariwal 2021, equation 17).

    It keeps small images from drowning in noise half way, which the linear schedule does below 256 pixels.
    """
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = torch.cos((times + 0.008) / 1.008 * math.pi / 2) ** 2
    return Schedule((1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999), torch.arange(steps))


def stride_counts(total: int = 1000) -> dict[int, int]:
    """Which step counts the published stride rule reaches, each with its stride: 62 of them for 1000 steps."""
    counts: dict[int, int] = {}
    for stride in range(1, total):
        counts.setdefault(math.ceil(total / stride), stride)
    return counts


def spaced(schedule: Schedule, count: int) -> Schedule:
    """Positions 0, s, 2s, ... for the smallest integer stride s with ceil(total / s) = count (published DDIM rule).

    Raises InputError for a count that no stride gives, with the counts that exist.
    """
    counts = stride_counts(len(schedule))
    if count not in counts:
        known = ", ".join(str(known) for known in sorted(counts))
        raise InputError(
            f"{count} sampling steps", f"no stride over {len(schedule)} steps gives them", f"choose one of {known}"
        )
    return strided(schedule, counts[count])


def strided(schedule: Schedule, stride: int, offset: int = 0) -> Schedule:
    """Positions offset, offset + s, ... for a stride s. With an offset the last step ends at the index before the first
    of them and not at the clean image (latent diffusion's DDIM, whose offset is 1).

    Raises InputError where the last position is beyond the schedule.
    """
    positions = torch.arange(0, len(schedule), stride) + offset
    if positions[-1] >= len(schedule):
        raise InputError(
            f"a stride of {stride} from {offset}",
            f"ends at {int(positions[-1])}, beyond the schedule's {len(schedule)} steps",
            "choose another number of steps",
        )
    last = float(schedule.alphas_cumprod[offset - 1]) if offset else schedule.last_alpha_bar
    return _keep(schedule, positions, last)


def truncated(schedule: Schedule, count: int) -> Schedule:
    """`count` positions that end at the last one, cut to whole numbers from an even spread in float32 (EDGE's rule); much
    the same as `trailing`."""
    total = len(schedule)
    if not 1 <= count <= total:
        raise InputError(f"{count} sampling steps", f"the schedule has {total}", f"choose 1 to {total}")
    return _keep(schedule, torch.linspace(-1, total - 1, count + 1)[1:].long())


def trailing(schedule: Schedule, count: int) -> Schedule:
    """Any `count` of evenly spread positions that end at the last one, where the image is nothing but noise.

    With few steps the published rule starts well before that (750 of 999 for 4 steps), which a network
    trained on a schedule that reaches pure noise sees as a mistake (Lin et al. 2024, table 2, "trailing").
    """
    total = len(schedule)
    if not 1 <= count <= total:
        raise InputError(f"{count} sampling steps", f"the schedule has {total}", f"choose 1 to {total}")
    rising = torch.arange(1, count + 1, dtype=torch.float64) * (total / count)
    return _keep(schedule, rising.round().long() - 1)


def rounded(schedule: Schedule, count: int) -> Schedule:
    """`count` positions from the first to the last, evenly spread and rounded half to even (Nichol and Dhariwal 2021,
    section 4); a single one is the last."""
    total = len(schedule)
    if not 1 <= count <= total:
        raise InputError(f"{count} sampling steps", f"the schedule has {total}", f"choose 1 to {total}")
    if count == 1:
        return _keep(schedule, torch.tensor([total - 1]))
    # The stride is added up, as published: a product would round a few positions the other way.
    places = torch.full((count,), (total - 1) / (count - 1), dtype=torch.float64)
    places[0] = 0
    return _keep(schedule, places.cumsum(0).round().long())


def _keep(schedule: Schedule, positions: Tensor, last_alpha_bar: float | None = None) -> Schedule:
    """The schedule that visits only `positions` and has the same alpha-bar there, and at its end unless another is given."""
    last = schedule.last_alpha_bar if last_alpha_bar is None else last_alpha_bar
    alpha_bar = schedule.alphas_cumprod[positions].double()  # in float32 a beta next to 1 would become 1
    before = torch.cat([alpha_bar.new_tensor([last]), alpha_bar[:-1]])
    return Schedule(1 - alpha_bar / before, schedule.steps[positions], last)
