"""YAML files that people write: what is damaged is named with its line, and nothing is built before it is checked."""

import pytest

from melgan_vc.config.paths import expand_user
from melgan_vc.config.yaml_files import load_yaml
from melgan_vc.errors import UserError

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(8)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: x\ntrainer:\n\tmax_batches: 5\n", "line 3.*tab"),
        (b"a: 1\nb: 2\na: 3\n", "line 3.*'a' is there twice"),
        ("name: Köln\n".encode("latin-1"), "line 1.*UTF-8"),
        ("a: 1\n".encode("utf-16"), "UTF-16"),
        ("a: 1\n".encode("utf-32"), "UTF-32"),
        ("a: 1\n".encode("utf-16-le"), "line 1.*0x0"),
        (b"a: 1\nb: \0\n", "line 2.*0x0"),
        (b"a: " + b"[" * 100_000, "line 1.*deeper"),
        (b"{a: " * 5000, "deeper"),
        (BOMB, "more than"),
        (b"a: &x {b: *x}\n", "itself"),
        (b"a: *x\n", "line 1.*alias"),
        (b"", "empty"),
        (b"# nothing\n\n", "empty"),
        (b"- a\n- b\n", "mapping"),
        (b"hello\n", "mapping"),
        (b"a: 1\n---\nb: 2\n", "line 2.*document"),
        (b"a: !!python/object/apply:os.system [ls]\n", "line 1.*tag"),
        (b"a: !!set {x, y}\n", "set"),
        (b"a: 'it's'\n", "line 1"),
        (b"~: 1\n", "NoneType"),
        (b"a: ${\n", "cannot be used"),
        (b"a: " + b"1" * 6000, "line 1: a number has 6000 digits"),
        (b"a: x\n" * 300_000, "larger than 1 MB"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_that_names_it(content, said, tmp_path):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.yaml.*{said}"):
        load_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\xef\xbb\xbfa: 1\r\n", {"a": 1}),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        (b"a: 2026-11-01\n", {"a": "2026-11-01"}),
    ],
)
def test_what_editors_write_is_read(content, value, tmp_path):
    (tmp_path / "x.yaml").write_bytes(content)
    assert load_yaml(tmp_path / "x.yaml") == value


def test_a_tilde_that_names_no_user_is_a_letter():
    assert str(expand_user("~no such user/x")) == "~no such user/x"
    assert not str(expand_user("~/x")).startswith("~")
