from pathlib import Path

import pytest

from melgan_vc.data.transcripts import transcripts


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_transcripts_of_all_layouts_are_found(tmp_path: Path) -> None:
    write(tmp_path / "plain/one.txt", "Beside  it,\nin two lines.\n")
    write(tmp_path / "libritts/a.normalized.txt", "normalised")
    write(tmp_path / "libritts/a.txt", "as printed")
    write(
        tmp_path / "cmu_us_slt_arctic/etc/txt.done.data",
        '( arctic_a0001 "Author of the danger trail, etc." )\n( x "" )\n',
    )
    write(tmp_path / "speech/84-121.trans.txt", "84-121-0000 GO DO YOU HEAR\n84-121-0001\n")
    write(tmp_path / "txt/p225/p225_001.txt", "Please call Stella.\n")
    write(tmp_path / "plain/two.lab", "0 1200000 pau\n1200000 2300000 ae\n")
    write(tmp_path / "LJSpeech-1.1/metadata.csv", "LJ001-0001|In 1938|In nineteen thirty-eight\nLJ001-0002|\nodd\n")
    write(tmp_path / "bundled/sentences.csv", 'file,text\nheldout/source/01.ogg,"The judge, etc."\nother/01.ogg,no\n')
    names = (
        "LJSpeech-1.1/wavs/LJ001-0001.wav",
        "bundled/heldout/source/01.ogg",
        "plain/one.flac",
        "libritts/a.wav",
        "cmu_us_slt_arctic/wav/arctic_a0001.wav",
        "speech/84-121-0000.flac",
        "wav48_silence_trimmed/p225/p225_001_mic1.flac",
    )
    paths = {
        name: tmp_path / name
        for name in (*names, "plain/two.flac", "LJSpeech-1.1/wavs/LJ001-0002.wav", "speech/84-121-0001.flac")
    }
    found = transcripts(paths)
    assert [found[name] for name in names] == [
        "In nineteen thirty-eight",
        "The judge, etc.",
        "Beside it, in two lines.",
        "normalised",
        "Author of the danger trail, etc.",
        "GO DO YOU HEAR",
        "Please call Stella.",
    ]
    assert len(found) == len(names), "none is made up"


def test_what_is_no_text_is_named_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    write(tmp_path / "huge.txt", "word " * 10_000)
    (tmp_path / "folder.txt").mkdir()
    assert transcripts({name: tmp_path / f"{name}.wav" for name in ("latin", "huge", "folder")}) == {}
    assert "latin.txt" in caplog.text and "huge.txt" in caplog.text
