"""A config that lies in a run directory is data."""

import os

import pytest
import yaml
from omegaconf import OmegaConf

from melgan_vc.config.stored import escape, load_stored, without_resolvers
from melgan_vc.errors import UserError


def stored(folder, text):
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:SECRET}", "a${oc.env:SECRET}b", "$${oc.env:SECRET}", "\\\\${oc.env:SECRET}", "${ oc.env:SECRET }",
        "${oc.env:${name}}", "${${name}}", "${oc.decode:'1'}", "${oc.create:{a: 1}}", "${now:%Y}", "${hydra:run.dir}",
        "${python_version:}", "${oc.select:name}", "${name",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [lambda value: {"a": value}, lambda value: {"a": [{"b": {"c": value}}]}])
def test_no_resolver_runs(value, place, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    path = stored(tmp_path, yaml.safe_dump({"name": "x", **place(value)}))
    with pytest.raises(UserError, match=r"config\.yaml") as refused:
        load_stored(path)
    assert "swordfish" not in str(refused.value)


def test_references_and_escaped_texts_stay(tmp_path):
    path = stored(tmp_path, "width: 8\na: ${width}\nb: {c: '${.d}', d: '\\${oc.env:HOME}'}\ne: x${width}y\n")
    config = load_stored(path)
    assert (config.a, config.b.c, config.b.d, config.e) == (8, "${oc.env:HOME}", "${oc.env:HOME}", "x8y")
    config.width = 16
    assert config.a == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: ${b}\nb: ${a}\n", "refers to itself"),
        ("a: {b: '${a}'}\n", "refers to itself"),
        (f"a0: {'x' * 100}\n" + "".join(f"a{n}: {f'${{a{n - 1}}}' * 10}\n" for n in range(1, 9)), "expand to"),
        ("a: [", "is not YAML"),
        ("- 1\n", "is not a mapping"),
        ("", "is empty"),
        ("data: {_target_: os.system}", r"data\._target_ is os\.system"),
        ("t: os.system\ndata: [{x: {_target_: '${t}'}}]", r"data\.0\.x\._target_ is os\.system"),
    ],
)
def test_a_damaged_or_hostile_config_is_one_line(text, message, tmp_path):
    path = stored(tmp_path, text)
    with pytest.raises(UserError, match=message) as refused:
        load_stored(path)
    assert str(path) in str(refused.value)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="is not a regular file"):
            load_stored(path)


def test_a_config_is_stored_without_resolvers_and_with_references(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", "Köln ${x}")
    settings = {"a": "${oc.env:NAME}", "b": ["${oc.env:NAME}", 1], "c": "${d}", "d": 5, "e": escape("${y}")}
    config = OmegaConf.create(settings)
    path = stored(tmp_path, OmegaConf.to_yaml(without_resolvers(config)))
    found = load_stored(path)
    assert (found.a, found.b[0], found.c, found.e) == ("Köln ${x}", "Köln ${x}", 5, "${y}")
    found.d = 6
    assert found.c == 6
