"""The stack of bits: scrambled twice it is as before, and no number of words in the coder changes what is read."""

from __future__ import annotations

import numpy as np
import pytest

from genlab.codec.frequencies import constriction
from genlab.codec.stack import Stack, first_words

pytest.importorskip("constriction")


def test_a_stack_scrambled_twice_is_as_before() -> None:
    stack = Stack(first_words(50), 20)
    stack.scramble(3)
    once = stack.words()
    assert (once != first_words(50)).sum() == 20
    assert once[-1] == first_words(50)[-1]
    stack.scramble(4)
    assert not np.array_equal(stack.words(), first_words(50)), "every step has a pad of its own"
    stack.scramble(4)
    stack.scramble(3)
    assert np.array_equal(stack.words(), first_words(50))


def test_words_below_the_coder_s_come_back_when_they_are_needed() -> None:

    model = constriction().stream.model.QuantizedGaussian(-100, 100, 0.0, 30.0)
    values = np.random.default_rng(0).integers(-60, 60, (40, 25)).astype(np.int32)
    stack = Stack(first_words(3), 20)
    for step, each in enumerate(values):
        stack.scramble(step)
        stack.coder.encode_reverse(each, model)
    bits, words = stack.bits, stack.words()
    assert stack.coder.num_words() < len(words), "all words are in the coder"
    other = Stack(words, 20)
    assert other.bits == bits
    for step, each in reversed(list(enumerate(values))):
        other.renew()
        assert np.array_equal(other.coder.decode(model, 25), each)
        other.scramble(step)
    assert np.array_equal(other.words(), first_words(3))


def test_a_stack_that_begins_says_when_it_is_empty() -> None:
    assert Stack(first_words(2), 20).is_empty
    assert not Stack(first_words(3), 20).is_empty
