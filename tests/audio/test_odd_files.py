"""Recordings that are odd are read as a whole, or refused in a line that says why; nothing is taken for the whole."""

import logging

import pytest

from melgan_vc.audio import decode
from melgan_vc.errors import UserError
from tests.audio.odd_files import ODD, write
from tests.conftest import decoded


@pytest.mark.parametrize("name", list(ODD))
def test_an_odd_file_is_read_as_a_whole_or_refused(name, tmp_path, caplog, capfd):
    odd = ODD[name]
    decode.TOLD.clear()
    path = write(name, tmp_path)
    with caplog.at_level(logging.WARNING):
        if odd.refused:
            with pytest.raises(UserError, match=odd.refused) as refusal:
                decoded(path)
            assert str(refusal.value).startswith(f"{path}: ") and "\n" not in str(refusal.value)
        else:
            found = decoded(path)
            assert found.waveform.shape[1] / found.sample_rate == pytest.approx(odd.seconds, abs=0.12)
    told = [record.getMessage() for record in caplog.records]
    assert all(line.startswith(f"warning: {path}: ") for line in told)
    assert [odd.told in line for line in told] == ([True] if odd.told else [])
    assert capfd.readouterr().err == ""
