"""Which classes a config may name."""

import pytest
import torch

from melgan_vc.config.targets import check_targets, check_trust, locate, shipped_targets
from melgan_vc.errors import UserError

HOSTILE = (
    "os.system", "os.makedirs", "os.remove", "posix.system", "builtins.eval", "builtins.exec", "builtins.open",
    "shutil.copyfile", "shutil.rmtree", "subprocess.Popen", "setuptools._distutils.spawn.spawn", "joblib.load",
    "numpy.load", "torch.load", "torch.hub.load", "pickle.loads", "importlib.import_module", "runpy.run_path",
    "webbrowser.open", "urllib.request.urlopen", "logging.config.dictConfig", "lightning.Trainer",
    "hydra.utils.call", "functools.partial", "torch.optim.os.system", "torch.optim.lr_scheduler.LambdaLR",
    "melgan_vc.files.os.makedirs", "melgan_vc.files.alone", "melgan_vc.files.replacing", "melgan_vc.audio.io.write",
    "melgan_vc.worker.main", "melgan_vc.config.targets.importlib.import_module", "melgan_vc", "os", "", "..", "a b.c",
    "melgan_vc.losses.travel.Travel.__init__",
)  # fmt: skip


@pytest.mark.parametrize("target", [*HOSTILE, None, 5, ["os.system"], {"_target_": "os.system"}])
@pytest.mark.parametrize("wrap", [lambda entry: entry, lambda entry: {"a": [{"b": (1, entry)}]}])
def test_what_a_config_may_not_name_is_refused_at_any_depth(target, wrap):
    with pytest.raises(UserError, match="_target_ is"):
        check_targets(wrap({"_target_": target}))


def test_all_that_conf_names_can_be_located():
    assert len(shipped_targets()) > 40
    for target in shipped_targets():
        assert callable(locate("here", target))


def test_optimizers_of_torch_may_be_named():
    assert locate("optim", "torch.optim.AdamW") is torch.optim.AdamW


def test_a_package_that_the_user_trusts_may_be_named_and_no_other():
    assert locate("x", "collections.OrderedDict", check_trust(["collections"])).__name__ == "OrderedDict"
    for trust in ([], ["collectionsx"], ["collection"], ["collections.abc"]):
        with pytest.raises(UserError, match="may not name"):
            locate("x", "collections.OrderedDict", trust)


@pytest.mark.parametrize(
    ("target", "is_advised"),
    [
        ("mypackage.losses.Mine", True), ("my.Mine", True), ("os.system", False), ("nt.system", False),
        ("torch.load", False), ("setuptools.setup", False), ("_distutils_hack.x", False), ("hydra.utils.call", False),
        ("numpy.load", False), ("joblib.load", False), ("yaml.load", False), ("pip.main", False),
        ("melgan_vc.worker.main", False),
    ],
)  # fmt: skip
def test_only_a_package_that_may_be_the_users_own_is_advised_to_be_trusted(target, is_advised):
    with pytest.raises(UserError) as raised:
        check_targets({"_target_": target})
    assert ("add trust=" in str(raised.value)) is is_advised
    assert ("do not use a file that asks for this" in str(raised.value)) is not is_advised


@pytest.mark.parametrize("trust", ["mypackage", None, [5], [""], ["a b"], ["*"], {"a": 1}, True])
def test_trust_is_a_list_of_packages(trust):
    with pytest.raises(UserError, match="trust is"):
        check_trust(trust)


def test_a_name_that_does_not_exist_is_told():
    with pytest.raises(UserError, match="check the name"):
        locate("losses.mine", "nosuchpackage.Loss", ["nosuchpackage"])
