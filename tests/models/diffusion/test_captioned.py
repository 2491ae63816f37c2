"""Networks that are given a text: what is said reaches each place of a picture, from the first step on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genlab.data.spaces import DataSpec, Image, Space, Tokens, Vector, Waveform
from genlab.data.text.captions import caption
from genlab.models.denoising import nullable_context
from genlab.models.diffusion.by_space import Size, network_given
from genlab.models.diffusion.captioned import CaptionEncoder
from genlab.models.diffusion.flow_matching import flow_matching
from genlab.models.diffusion.listening import CrossAttention, Said

TEXTS = Tokens(12, 27, coding="characters", symbols=(" ", *"abcdefghijklmnopqrstuvwxyz"))
SPACES: list[Space] = [Image(1, 16, 16, 17), Image(1, 6, 7, 17), Waveform(300, levels=256), Vector(5)]


def said(*texts: str) -> Tensor:
    return torch.stack([caption(TEXTS, text) for text in texts])


def spread(x: Tensor) -> float:
    return x.square().mean().sqrt().item()


def test_an_untrained_encoder_tells_words_of_the_same_letters_apart_and_the_order_of_words() -> None:
    torch.manual_seed(0)
    first, letters, order = CaptionEncoder(TEXTS)(said("one two", "eno owt", "two one").long())[:, 0].detach()
    assert spread(letters - first) > 0.1 * spread(first)
    assert spread(order - first) > 0.1 * spread(first)


def test_from_the_first_step_on_places_hear_what_is_said_and_each_something_else() -> None:
    torch.manual_seed(0)
    listens, h = CrossAttention(16, (4, 5), width=8), torch.randn(2, 16, 4, 5)
    states, present = torch.randn(2, 6, 8), torch.ones(2, 1)
    heard = (listens(h, Said(states, present)) - h).detach()
    moved = (listens(h, Said(states.flip(2), present)) - h).detach() - heard
    assert spread(moved) > 0.1
    assert spread(moved - moved.mean((2, 3), keepdim=True)) > 0.1 * spread(moved)  # not one thing everywhere
    blank = torch.zeros(2, 16, 4, 5)  # a picture that is the same everywhere
    there = listens(blank, Said(states, present)).detach()
    assert spread(there - there.mean((2, 3), keepdim=True)) > 0.02
    torch.testing.assert_close(listens(h, Said(states, torch.zeros(2, 1))), h, rtol=0, atol=0)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_text_counts_and_a_hidden_one_says_nothing(space: Space) -> None:
    torch.manual_seed(0)
    network = network_given(space, TEXTS, size=Size(width=8, blocks=1)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    x, noise = torch.randn(1, *space.shape).expand(2, *space.shape), torch.full((2,), 0.5)
    told = network(x, noise, nullable_context(TEXTS, said("one two", "two one"), like=x)).detach()
    assert spread(told[0] - told[1]) > 1e-5
    null = network(x, noise, nullable_context(TEXTS, None, like=x))
    with torch.no_grad():
        for parameter in network.encoder.parameters():  # type: ignore[union-attr]
            parameter += torch.randn(parameter.shape)
    read = nullable_context(TEXTS, said("one two", "two one"), like=x, hidden=torch.tensor([True, True]))
    assert torch.equal(network(x, noise, read), null)


def test_two_words_are_drawn_each_in_its_half_after_a_few_steps() -> None:
    torch.manual_seed(0)
    space, words = Image(1, 16, 16, None), ("one", "two", "six", "ten")
    patterns = torch.randn(4, 1, 16, 8).sign()
    network = network_given(space, TEXTS, size=Size(width=8, blocks=1, attention=0))
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        pair = torch.randint(4, (16, 2))
        c = said(*(f"{words[a]} {words[b]}" for a, b in pair.tolist()))
        target = torch.cat([patterns[pair[:, 0]], patterns[pair[:, 1]]], 3)
        x, noise = torch.randn(16, 1, 16, 16), torch.ones(16)
        error = (network(x, noise, nullable_context(TEXTS, c, like=x)) - target).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert error < 0.5  # 1 is to know nothing


def test_guidance_0_is_the_unconditional_model_whatever_the_text() -> None:
    model = flow_matching(DataSpec(space=SPACES[0], condition=TEXTS), condition="caption", width=8, blocks=1, steps=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)

    def drawn(text: str, guidance: float) -> Tensor:
        return model.sample(2, said(text, text), guidance=guidance, generator=torch.Generator().manual_seed(0))

    assert torch.equal(drawn("one two", 0), drawn("six", 0))
    assert not torch.equal(drawn("one two", 1), drawn("six", 1))
