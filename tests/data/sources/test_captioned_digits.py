"""Captions say what is in a picture, and where."""

from __future__ import annotations

import pytest
import torch

from genlab.data import captioned_digits
from genlab.data.sources.captioned_digits import WORDS
from genlab.data.text.captions import caption
from genlab.data.text.coding import written
from genlab.errors import ConfigError

DATA = captioned_digits(count=400)
CAPTIONS = DATA.spec.condition
TEXTS = [written(CAPTIONS, row).rstrip() for row in DATA.train.c]


def test_captions_name_every_digit_and_place_and_are_the_same_for_a_seed() -> None:
    known = {*WORDS, "a", "bold", "above", "below", "left", "right", "of"}
    assert {word for text in TEXTS for word in text.split()} == known
    again, other = captioned_digits(count=400), captioned_digits(count=400, seed=1)
    assert torch.equal(again.train.x, DATA.train.x)
    assert torch.equal(again.train.c, DATA.train.c)
    assert not torch.equal(other.train.x, DATA.train.x)
    assert max(map(len, TEXTS)) <= CAPTIONS.length


def test_ink_lies_where_the_caption_says() -> None:
    ink = DATA.train.x[:, 0].double()
    rows = (ink.sum(2) > 0).sum(1)
    columns = (ink.sum(1) > 0).sum(1)
    for text, height, width in zip(TEXTS, rows.tolist(), columns.tolist(), strict=True):
        if " above " in text or " below " in text:
            assert height >= 12 > width, text
        elif " of " in text:
            assert width >= 10, text
            assert height <= 8, text
        else:
            assert max(height, width) <= 8, text


def test_bold_digits_have_more_ink() -> None:
    alone = {text: DATA.train.x[i].double().sum() for i, text in enumerate(TEXTS) if len(text.split()) < 4}
    bold = [value for text, value in alone.items() if "bold" in text]
    thin = [value for text, value in alone.items() if "bold" not in text]
    assert sum(bold) / len(bold) > 1.2 * sum(thin) / len(thin)


def test_a_caption_is_read_in_any_case_and_refused_where_it_cannot_be() -> None:
    found = caption(CAPTIONS, "A bold Seven")
    assert written(CAPTIONS, found).rstrip() == "a bold seven"
    assert found.shape == (40,)
    with pytest.raises(ConfigError, match="a caption of 41 characters; give 40 at most"):
        caption(CAPTIONS, "a" * 41)
    with pytest.raises(ConfigError, match="7"):
        caption(CAPTIONS, "a 7")
