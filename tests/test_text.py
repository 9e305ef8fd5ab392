import pytest

from melgan_vc.text import counted, printable


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain ü 音 \u3000\xa0", "plain ü 音 \u3000\xa0"),
        ("\u0645\u06cc\u200c\u062e\u0648 👩\u200d🚀", "\u0645\u06cc\u200c\u062e\u0648 👩\u200d🚀"),
        ("\x1b[31m\x07", "\\x1b[31m\\x07"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b2J \u202e\u2066", "\\x9b2J \\u202e\\u2066"),
        ("\udcff", "\\udcff"),
        (3, "3"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: object, wanted: str) -> None:
    assert printable(text) == wanted


def test_line_breaks_can_be_kept() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_one_thing_is_in_the_singular():
    assert [counted(number, "recording") for number in (0, 1, 2)] == ["0 recordings", "1 recording", "2 recordings"]
    assert [counted(number, "batch is", "batches are") for number in (1, 3)] == ["1 batch is", "3 batches are"]
