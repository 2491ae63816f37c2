from __future__ import annotations

import pytest
import torch

from genlab.data import moving_digits
from genlab.data.dataset import DataSpec
from genlab.data.spaces import Video
from genlab.errors import ConfigError
from genlab.models import ConvLSTM
from genlab.models.video.convlstm import Cell


def clips(size: int = 8, levels: int | None = 17) -> DataSpec:
    return DataSpec(space=Video(2, 1, size, size, levels), condition=Video(3, 1, size, size, levels))


def test_a_cell_is_the_formula() -> None:
    torch.manual_seed(0)
    cell = Cell(1, 1, 3)
    x, h, c = torch.randn(3, 2, 1, 4, 4)
    i, f, o, g = cell.gates(torch.cat([x, h], 1)).unbind(1)
    expected = f.sigmoid() * c[:, 0] + i.sigmoid() * g.tanh()
    h_next, c_next = cell(x, (h, c))
    assert torch.allclose(c_next[:, 0], expected)
    assert torch.allclose(h_next[:, 0], o.sigmoid() * expected.tanh())


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_the_order_of_the_past_and_of_the_pixels_is_kept(patch: int) -> None:
    torch.manual_seed(0)
    model = ConvLSTM(clips(), width=4, patch=patch).eval()
    c = torch.randint(17, (2, 3, 1, 8, 8), dtype=torch.uint8)
    found = model.forecast(c)
    assert found.shape == (2, 2, 1, 8, 8)
    assert not torch.allclose(found, model.forecast(c.flip(1)))
    # what lies far away at one time does not reach a pixel in so few steps with kernels of 3
    if patch == 1:
        reach = []
        for frame in (0, -1):
            other = c.clone()
            other[:, frame, :, :, 7] = 16 - other[:, frame, :, :, 7]
            moved = (model.forecast(other) - found).abs().amax((0, 2, 3))[0]
            assert moved[7] > 0
            reach.append((moved > 0).sum().item())
        assert moved[0] == 0
        assert reach[0] > reach[1], "what was earlier has spread further"


def test_a_past_that_tells_the_future_is_learned_better_than_persistence() -> None:
    torch.manual_seed(0)
    data = moving_digits(count=64, digits=1, size=12, frames=2, past=3)
    model = ConvLSTM(data.spec, width=16, layers=1)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        (-model.log_prob(data.train.x, data.train.c).mean()).backward()
        optimiser.step()
    with torch.no_grad():
        error = (model.forecast(data.train.c) - data.train.x).square().mean()
    assert error < 0.7 * (data.train.c[:, -1:].double() - data.train.x).square().mean()


def test_patches_that_do_not_fit_and_data_without_a_past_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.patch=3: pictures of 8x8 cannot be cut"):
        ConvLSTM(clips(), patch=3)
    with pytest.raises(ConfigError, match=r"needs past frames as condition, this data has none; it fits data=moving_d"):
        ConvLSTM(DataSpec(space=Video(2, 1, 8, 8, 17)))
    with pytest.raises(ConfigError, match=r"model=convlstm needs videos, this data has images; it fits data="):
        ConvLSTM(DataSpec((1, 8, 8), 17))
    assert [ConvLSTM(clips(size), width=4).patch for size in (8, 16, 32)] == [1, 2, 4]
