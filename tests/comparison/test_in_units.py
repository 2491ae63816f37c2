"""Sequences compare by the unit that they share: a text is one text however it is cut and coded."""

from __future__ import annotations

import math

import pytest

from genlab.comparison.groups import arrange
from genlab.comparison.page import columns
from genlab.comparison.value import Value

LN2 = math.log(2)
TEXT = {"_target_": "genlab.data.text", "root": "a/play.txt", "length": 64, "coding": "bytes", "stride": 16}


@pytest.fixture
def text(run):
    """``text("rnn", 2.1, coding="bpe", tokens=60)``: a run of so many bits per character, of 100 examples."""

    def make(
        name, bits, *, coding="bytes", length=64, root="a/play.txt", tokens=64, content="x", influence=None, **more
    ):
        nats = bits * LN2 * 64
        rate = {"value": nats / tokens, "unit": "nats/token"}
        common = {"kind": "exact", "n": 100, "split": "test", "num_particles": None, "conditional": False}
        each = {**common, "standard_error": 0.01, "influence": influence}
        records = [
            {**each, "metric": "nll", "value": nats, "unit": "nats per example", "rate": rate},
            {**each, "metric": "nll_per_token", **rate},
            {**each, "metric": "nll_per_character", "value": bits, "unit": "bits/character"},
        ]
        facts = {"step": 9, "parameters": 5, "dim": 64, "levels": 256, "space": "tokens", "coding": coding}
        facts |= {"unit": "bits/byte" if coding == "bytes" else "bits/character", "content": content}
        node = {**TEXT, "coding": coding, "length": length, "root": root}
        return run(name, data=node, facts=facts, records={"nll": records, **more}, lacks={})

    return make


def test_codings_and_windows_of_one_text_stand_together_by_their_bits_per_character(text):
    runs = [
        text("rnn", 2.3, content="a"),
        text("transformer", 2.1, coding="bpe", tokens=30, content="b"),
        text("tcn", 2.2, length=128, content="c"),
    ]
    (group,) = arrange(runs)
    assert [row.label for row in group.rows] == ["transformer", "tcn", "rnn"]
    assert [row.detail for row in group.rows] == ["coding=bpe", "coding=bytes", "coding=bytes"]
    marks = [row.marks for row in group.rows]
    assert [mark.get("nll_bits_per_character") for mark in marks] == ["best", None, None]
    assert not any("nll" in mark for mark in marks)  # nats per example are of other examples
    assert [mark.get("nll_nats_per_token") for mark in marks] == [None, "best", None]  # bytes are bytes
    assert "bits/character compare, nats per example do not" in group.why


def test_a_sequence_shows_its_units_in_place_of_bits_per_dimension(run, text):
    titles = [column.title for column in columns(arrange([text("rnn", 2.3)]))]
    assert titles[:3] == ["nats", "bits/character", "nats/token"]
    assert "bits/dim" not in titles
    pictures = [column.title for column in columns(arrange([run("vae", nll=80.0)]))]
    assert pictures[:3] == ["nats", "bits/dim", "ideal code"]
    (group, other) = arrange([text("rnn", 2.3), run("vae", nll=80.0)])
    assert {row.cells["bpd"] for row in group.rows} == {"measured in bits/byte"}
    assert [row.cells["nll_bits_per_character"] for row in other.rows] == ["no sequence"]


@pytest.mark.parametrize("other", [{"root": "b/letter.txt"}])
def test_other_texts_stand_apart(text, other):
    assert len(arrange([text("rnn", 2.3), text("rnn", 2.1, **other)])) == 2
    assert len(arrange([text("rnn", 2.3), text("rnn", 2.1, root="moved/play.txt")])) == 1


def test_data_of_one_name_and_other_content_stand_apart(run):
    facts = {"step": 1, "parameters": 5, "dim": 64, "levels": 17}
    runs = [run(name, nll=80.0, facts={**facts, "content": content}) for name, content in (("a", "x"), ("b", "y"))]
    assert len(arrange(runs)) == 2
    assert len(arrange([*runs[:1], run("c", nll=80.0, facts={**facts, "content": "x"})])) == 1


def test_recordings_in_other_pieces_compare_in_bits_per_sample(run):
    def sound(name, bits, length):
        rate = {"value": bits, "unit": "bits/sample", "standard_error": 0.01}
        facts = {"step": 1, "parameters": 5, "dim": length, "levels": 256, "space": "waveform", "unit": "bits/sample"}
        made = run(name, nll=bits * length, data={"_target_": "genlab.data.audio", "length": length}, facts=facts)
        made.records["nll"][0]["rate"] = rate
        return made

    (group,) = arrange([sound("rnn", 5.2, 400), sound("wavenet", 5.0, 4000)])
    assert [row.label for row in group.rows] == ["wavenet", "rnn"]
    assert group.rows[0].marks == {"nll_bits_per_sample": "best"}


def test_differences_are_paired_only_where_the_examples_are_the_same(text):
    alike = tuple(0.001 * i for i in range(100))
    same = [text("rnn", 2.30, influence=alike), text("tcn", 2.31, influence=alike)]
    (group,) = arrange(same)
    assert group.rows[1].marks.get("nll_bits_per_character") is None  # the difference is sure
    (group,) = arrange([*same, text("transformer", 2.9, length=128, influence=alike)])
    cell = group.rows[0].cells["nll_bits_per_character"]
    assert isinstance(cell, Value)
    assert cell.influence is None
    assert group.rows[1].marks.get("nll_bits_per_character") == "tied"


def test_a_metric_of_a_unit_compares_across_codings_and_one_of_tokens_does_not(text):
    from genlab.comparison.columns import further

    def more(bits):
        common = {"standard_error": 0.001, "kind": "exact", "split": "test"}
        return {
            "bits_per_character": [
                {**common, "metric": "b", "value": bits, "unit": "bits/character", "n": int(bits * 100)}
            ],
            "perplexity": [{**common, "metric": "p", "value": bits, "unit": "tokens", "n": int(bits * 100)}],
        }

    runs = [text("rnn", 2.3, **more(2.3)), text("gru", 2.1, coding="bpe", **more(2.1))]
    (group,) = arrange(runs, more=[further(name, "x", "lower") for name in ("bits_per_character", "perplexity")])
    assert [row.marks.get("bits_per_character") for row in group.rows] == ["best", None]
    assert not any("perplexity" in row.marks for row in group.rows)
