"""Tables as people and spreadsheets write them: read as they are meant, or refused in one line with file and row."""

import codecs
from pathlib import Path

import pytest

from melgan_vc.data import table_rows
from melgan_vc.data.corpora import Table
from melgan_vc.errors import UserError

ROWS = {"source": [("a b.wav", "train", "s1", None)], "target": [("c.wav", None, None, "anna")]}


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "all.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, domain: str) -> list[tuple[str, str | None, str | None, str | None]]:
    found = Table(str(path), domain).recordings()
    return [(name, one.split, one.group, one.speaker) for name, one in found.items()]


PLAIN = "path,domain,split,group,speaker\na b.wav,source,train,s1,\nc.wav,target,,,anna\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n,,,,\n"),
        "\n\n" + PLAIN,
        PLAIN.rstrip("\n"),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.replace(",", "\t").encode("utf-16-be"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        '"sep=,"\r\n' + PLAIN,
        (codecs.BOM_UTF8 + b"sep=;\r\n" + PLAIN.replace(",", ";").encode()),
        PLAIN.replace("path", "Path").replace("domain", "DOMAIN").replace("source", "Source").replace("train", "TRAIN"),
        PLAIN.replace("a b.wav", '"a b.wav"').replace("domain", '"domain"'),
        "speaker,group,split,domain,path\n,s1,train,source,a b.wav\nanna,,,target,c.wav\n",
        "speaker,group,split,domain,path,text\n,s1,train,source,a b.wav,hello\nanna,,,target,c.wav,\n",
        PLAIN + "c.wav,target,,,anna\n",  # twice the same
        PLAIN.replace("path,domain,split,group,speaker", "path,domain,split,group,speaker,,"),
    ],
)
def test_a_table_is_read_as_it_is_meant(tmp_path, text) -> None:
    path = table(tmp_path, text)
    assert {domain: read(path, domain) for domain in ROWS} == ROWS


def test_quotes_hold_separators_line_breaks_and_quotes(tmp_path) -> None:
    path = table(tmp_path, 'path,domain\n"a,b;c.wav",source\n"two\nlines.wav",source\n"say ""x"".wav",source\n')
    assert [name for name, *_ in read(path, "source")] == ["a,b;c.wav", "two\nlines.wav", 'say "x".wav']


def test_optional_values_may_be_missing_at_the_end(tmp_path) -> None:
    assert read(table(tmp_path, "path,domain,split\na.wav,source\n"), "source") == [("a.wav", None, None, None)]


def test_paths_are_found_as_they_are_meant(tmp_path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.wav").touch()
    (tmp_path / "~old.wav").touch()
    path = table(tmp_path, f"path,domain\nx\\a.wav,source\n~old.wav,source\n{tmp_path}/x/a.wav,source\n")
    found = [one.path for one in Table(str(path), "source").recordings().values()]
    assert found == [tmp_path / "x" / "a.wav", tmp_path / "~old.wav", tmp_path / "x" / "a.wav"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("domain,path\nsource\ntarget,x.wav\n", "line 2: has no path"),
        ("path,domain\na.wav\n", "line 2: has no domain"),
        ("path,domain\na.wav,source\n,source\n", "line 3: has no path"),
        ("path,domain\na.wav,\n", "line 2: has no domain"),
        ("path,domain\nmy, voice.wav,source\n", "line 2: has 3 values for 2 columns; put values"),
        ("path,domain\na.wav,sourse\n", "line 2: its domain is 'sourse'; did you mean source?"),
        ("path,domain\n\na.wav,targets\n", "line 3: its domain is 'targets'; did you mean target?"),
        ("path,domain,split\na.wav,source,val\n", "line 2: a.wav: its split is 'val'; give one of train, validation"),
        ("path,domain,spilt\na.wav,source,train\n", "line 1: has the column 'spilt'; did you mean split?"),
        ("path,domains\na.wav,source\n", "line 1: has the column 'domains'; did you mean domain?"),
        ("path,domain,path\na.wav,source,b.wav\n", "line 1: has the column path twice"),
        ("a.wav,source\n", "line 1: has no column path, domain"),
        ("path,domain,split\na.wav,source,train\na.wav,source,test\n", "line 3: a.wav is in line 2 too, with another"),
        ("path,domain,split,group\na,source,train,x\nb,source,test,x\n", "line 3: puts group x into test, line 2"),
        ('path,domain\n"a.wav,source\nb.wav,source\n', "line 3: cannot be read as CSV (unexpected end"),
        ('path,domain\n"a"b.wav,source\n', "line 2: cannot be read as CSV"),
        (f"path,domain\n{'a' * 200_000},source\n", "line 2: cannot be read as CSV (field larger"),
        ("path,domain\na\0.wav,source\n", "line 2: holds a NUL"),
        ("path,domain\nB\xfcro.wav,source\n".encode("latin-1"), "line 2: is not UTF-8; save the table as CSV UTF-8"),
        (codecs.BOM_UTF16_LE + b"p\0a", "line 1: is not UTF-16"),
        ("path,domain\n".encode("utf-16-le"), "line 1: holds a NUL"),
        ("", "is empty"),
        (b"PK\x03\x04\x14\x00", "is a workbook; save the sheet as CSV"),
        (",,\n\n", "is empty"),
        ("path,domain\n", "has no rows"),
        ("path,domain\n" + "x" * 200_000 + ",source\n", "line 2: cannot be read as CSV (field larger"),
        ("x" * 1_100_000, "line 1: has more than 1000000 characters"),
        ('path,domain\n"x\n\n\n' + "x" * 1_100_000, "line 5: has more than 1000000 characters"),
        ("path,domain" + "," * 30_000 + "\na.wav,source\n", "line 1: has 30002 columns"),
        ("path,domain\na.wav,other\n", "has no row of domain 'source'; its domains are other"),
        ("path,domain\n\x1b[2J.wav,sourcee\n", "line 2: its domain is"),
    ],
)
def test_a_table_that_is_not_clear_is_refused_with_its_row(tmp_path, text, words) -> None:
    path = table(tmp_path, text)
    with pytest.raises(UserError) as raised:
        Table(str(path), "source").recordings()
    assert str(raised.value).startswith(str(path)) and words in str(raised.value), raised.value
    assert "\x1b" not in str(raised.value)


def test_absurdly_many_lines_are_refused_before_they_are_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(table_rows, "MOST_LINES", 1000)
    with pytest.raises(UserError, match="has more than 1000 lines; split it"):
        Table(str(table(tmp_path, "path,domain\n" + "\n" * 2000)), "source").recordings()


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: __import__("os").mkfifo(path), lambda _: None]
)
def test_what_is_no_table_is_refused(tmp_path, make) -> None:
    make(tmp_path / "all.csv")
    with pytest.raises(UserError, match=r"(is no table|no such file); give a CSV file"):
        Table(str(tmp_path / "all.csv"), "source").recordings()


def test_a_table_can_hold_transcripts(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text('path,domain,text\na.wav,source,"Hello, you."\nb.wav,source,\n')
    found = Table(str(tmp_path / "table.csv"), "source").recordings()
    assert [one.text for one in found.values()] == ["Hello, you.", None]
