"""Objects of config entries."""

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from melgan_vc.config.instantiation import instantiate
from melgan_vc.errors import UserError
from melgan_vc.losses.travel import Travel
from melgan_vc.spec import ChunkSpec


def test_an_entry_becomes_its_object_with_references_resolved():
    config = OmegaConf.create({"width": 16, "chunk": {"_target_": "melgan_vc.spec.ChunkSpec", "width": "${width}"}})
    assert instantiate(config.chunk, "chunk", ChunkSpec) == ChunkSpec(16)
    assert instantiate(config.chunk, "chunk", ChunkSpec, splits=2) == ChunkSpec(16, 2)


def test_nested_and_partial_entries():
    entry = {
        "make": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.5},
        "losses": [{"_target_": "melgan_vc.losses.travel.Travel"}, 3],
    }
    built = instantiate(entry, "optim")
    optimizer = built["make"]([nn.Parameter(torch.ones(1))])
    assert isinstance(optimizer, torch.optim.SGD) and optimizer.defaults["lr"] == 0.5
    assert isinstance(built["losses"][0], Travel) and built["losses"][1] == 3


def test_nothing_is_called_where_anything_may_not_be(tmp_path):
    first = {"_target_": "melgan_vc.data.corpora.Table", "table": 5, "domain": "source"}  # would fail if it were built
    entry = {"a": first, "b": {"deep": [{"_target_": "os.makedirs", "name": str(tmp_path / "made")}]}}
    with pytest.raises(UserError, match=r"data\.b\.deep\.0\._target_ is os\.makedirs"):
        instantiate(entry, "data")
    assert not list(tmp_path.iterdir())


def test_values_are_resolved_once(monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    entry = {"_target_": "melgan_vc.data.corpora.Table", "table": "\\${oc.env:SECRET}", "domain": "x"}
    assert str(instantiate(OmegaConf.create(entry), "data.source").table) == "${oc.env:SECRET}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"_target_": "melgan_vc.losses.travel.Travel"}, "Travel is not a ChunkSpec"),
        ({"_target_": "torch.optim.SGD", "_partial_": True}, "SGD is not a ChunkSpec"),
        ({"width": 8}, "give an entry with _target_"),
        (8, "give an entry with _target_"),
        ({"_target_": "melgan_vc.spec.ChunkSpec", "_args_": [8]}, "_args_: is not supported"),
    ],
)
def test_what_builds_something_else_is_refused(entry, message):
    with pytest.raises(UserError, match=message):
        instantiate(entry, "chunk", ChunkSpec)


def test_a_class_of_another_kind_is_refused_before_it_is_built() -> None:
    entry = {"_target_": "melgan_vc.audio.griffin_lim.GriffinLim", "nonsense": 1}
    with pytest.raises(UserError, match="GriffinLim is not a ChunkSpec"):
        instantiate(entry, "chunk", ChunkSpec)
