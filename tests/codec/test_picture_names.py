"""Names in a compressed file: each once, inside the folder, and such as every file system takes."""

import pytest

from genlab.codec.picture_names import as_png, fault


def test_pngs_keep_their_names_and_others_take_what_is_free():
    assert as_png(["a.png", "b.bmp", "d/c.jpg"]) == ("a.png", "b.png", "d/c.png")
    assert as_png(["a.bmp", "a.bmp.png", "a.png"]) == ("a.bmp-2.png", "a.bmp.png", "a.png")
    assert as_png(["A.PNG", "a.gif"]) == ("A.PNG", "a.gif.png")
    assert as_png(["a.bmp", "a.png/x.png"]) == ("a.bmp.png", "a.png/x.png")  # a folder is called a.png


@pytest.mark.parametrize(
    "names", [["a.bmp", "a.gif", "a.png", "a.jpg"], ["x.bmp", "x.gif", "y/x.bmp", "y/x.gif"], ["é/ü.jpg", "É/ü.gif"]]
)
def test_all_that_are_given_can_be_written(names):
    assert fault(as_png(names)) is None
    assert len(set(as_png(names))) == len(names)


@pytest.mark.parametrize(
    "names",
    [
        ["../a.png"],
        ["/a.png"],
        ["a/../b.png"],
        ["./a.png"],
        ["a//b.png"],
        ["a.bmp"],
        [".."],
        [""],
        [7],
        ["a\\b.png"],
        ["a\n.png"],
        ["\ud800.png"],
        ["a.png", "A.PNG"],
        ["a.png", "a.png/b.png"],
        ["x" * 251 + ".png"],
        ["/".join(["long"] * 600) + "/a.png"],
    ],
)
def test_what_cannot_be_written_is_told(names):
    assert fault(names) is not None
