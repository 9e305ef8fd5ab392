"""Configs as commands compose them: what nothing reads is refused, and what was asked for takes effect."""

import importlib.util

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from omegaconf import OmegaConf

from melgan_vc.config import composition
from melgan_vc.config.command_line import quote_override
from melgan_vc.config.schema import CONF, parameters, schema_of
from melgan_vc.config.settings import ANYTHING, DECLARED, Kind
from melgan_vc.config.stored import escape
from melgan_vc.errors import UserError

GOOD = "# @package _global_\ndefaults: [quickstart]\n"


@pytest.fixture(scope="module", autouse=True)
def installed():
    composition.install()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@pytest.fixture
def own(tmp_path):
    """A folder of the user's own configs, and a way to compose with it."""

    def composed(path: str, text: str, *overrides: str):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        group, name = path.removesuffix(".yaml").split("/")
        choice = f"{group}=[{name}]" if group in ("content", "stability") else f"{group}={name}"
        return compose("train", [f"hydra.searchpath=[{tmp_path}]", choice, *overrides])

    return composed


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("experiment/x.yaml", "trainer: {max_batches: 5}\n", "x.yaml.*first line.*_global_"),
        ("content/x.yaml", "losses: {identity: null}\n", "x.yaml.*first line.*_global_"),
        ("stability/x.yaml", "optim: {ema_decay: 0.5}\n", "x.yaml.*first line.*_global_"),
        ("ablation/x.yaml", "losses: {identity: null}\n", "x.yaml.*first line.*_global_"),
        (
            "experiment/x.yaml",
            "# @package _gobal_\ntrainer: {max_batches: 5}\n",
            "x.yaml.*no package _gobal_.*_global_",
        ),
        (
            "experiment/x.yaml",
            GOOD + "data.batch_size: 3\n",
            "data.batch_size: .*no dots; write data: {batch_size.*x.yaml",
        ),
        ("experiment/x.yaml", GOOD + "data: {litdata.crops: 3}\n", "data.litdata.crops: .*write litdata: {crops"),
        ("experiment/x.yaml", GOOD + "trainr: {max_batches: 5}\n", "trainr.*did you mean trainer.*x.yaml"),
        ("experiment/x.yaml", GOOD + "callbacks: {validaton: {every_batches: 3}}\n", "callbacks.validation"),
        ("experiment/x.yaml", GOOD + "callbacks: {validation: {every_batch: 3}}\n", "every_batches.*x.yaml"),
        ("experiment/x.yaml", GOOD + "networks: {generator: {chanels: 3}}\n", "channels.*x.yaml"),
        ("experiment/x.yaml", GOOD + "data: {litdata: {crop: 3}}\n", "data.litdata.crops.*x.yaml"),
        ("experiment/x.yaml", GOOD + "max_batches: 3\n", "trainer.max_batches.*x.yaml"),
        ("experiment/x.yaml", GOOD + "trainer: {max_batches: many}\n", "'many': give a whole number.*x.yaml"),
        ("experiment/x.yaml", GOOD + "data: {balanced: 'no'}\n", "'no': give true or false.*x.yaml"),
        ("experiment/x.yaml", GOOD + "name: no\n", "name is false: give a text.*x.yaml"),
        ("experiment/x.yaml", GOOD + "trainer: 5\n", "trainer is 5: give its settings"),
        ("experiment/x.yaml", GOOD + "seed: ${sed}\n", "seed: cannot be resolved.*x.yaml"),
        ("experiment/x.yaml", GOOD + "name: ${name}\n", "name: cannot be resolved"),
        ("experiment/x.yaml", GOOD + "hydra: {run: {dir: x}}\n", "hydra.run.dir has no effect"),
        ("losses/x.yaml", "defaults: [voice]\ntravle: {weight: 3}\n", "losses.travel.*_target_.*x.yaml"),
        ("callbacks/x.yaml", "x: {_target_: os.makedirs, name: y}\n", "os.makedirs.*may not name.*x.yaml"),
        ("callbacks/x.yaml", "x: {_target_: torch.optim.Adamm}\n", "may not name.*x.yaml"),
        ("experiment/x.yaml", GOOD + "data: {extra: {_target_: melgan_vc.spec.ChunkSpec, width: 8}}\n", "data.extra"),
        ("trainer/x.yaml", "# @package _global_\nmax_batches: 3\n", "trainer.max_batches.*x.yaml"),
    ],
)
def test_what_nothing_reads_is_refused_with_what_was_meant_and_where(path, text, said, own):
    with pytest.raises(UserError, match=said) as raised:
        own(path, text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "text", "key", "value"),
    [
        ("experiment/x.yaml", GOOD + "trainer: {max_batches: 5}\n", "trainer.max_batches", 5),
        ("losses/x.yaml", "defaults: [voice]\ntravel: {cosine: 0}\n", "losses.travel.cosine", 0),
        ("networks/x.yaml", "defaults: [small]\ngenerator: {spectral: false}\n", "networks.generator.spectral", False),
        (
            "optim/x.yaml",
            "defaults: [notebook]\ngenerator: {weight_decay: 0.1, amsgrad: true}\n",
            "optim.generator.amsgrad",
            True,
        ),
        ("callbacks/x.yaml", "defaults: [default]\nsaturation: null\n", "callbacks.saturation", None),
        (
            "callbacks/x.yaml",
            "mine: {_target_: melgan_vc.training.callbacks.health.Health}\n",
            "callbacks.mine._target_",
            "melgan_vc.training.callbacks.health.Health",
        ),
    ],
)
def test_what_is_read_takes_effect(path, text, key, value, own):
    assert OmegaConf.select(own(path, text), key, default="missing") == value
    assert OmegaConf.select(compose("train", []), key, default="missing") != value


def test_classes_of_a_trusted_package_are_checked_by_their_signature(own, tmp_path, monkeypatch):
    (tmp_path / "mypkg_of_tests.py").write_text("class Mine:\n    def __init__(self, size: int = 3): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    taken = parameters("mypkg_of_tests.Mine", ("mypkg_of_tests",))
    assert taken is not None and taken.keys() == {"size"}
    with pytest.raises(UserError, match=r"trust=\[mypkg_of_tests\]"):
        own("callbacks/x.yaml", "mine: {_target_: mypkg_of_tests.Mine, size: 3}\n")
    trusted = ["trust=[mypkg_of_tests]", "+losses.mine._target_=mypkg_of_tests.Mine"]
    mine = compose("train", [*trusted, "+losses.mine.weight=2"]).losses.mine
    assert mine == {"_target_": "mypkg_of_tests.Mine", "weight": 2}
    for wrong, said in ("weight=-1", "weight is -1: give a number from 0"), ("wieght=1", "did you mean weight"):
        with pytest.raises(UserError, match=said):
            compose("train", [*trusted, f"+losses.mine.{wrong}"])


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["chunk.width=8.5"], "chunk.width is 8.5: give a whole number"),
        (["seed=1e999"], "seed is inf"),
        (["trainer.max_minutes=nan"], "max_minutes is nan"),
        (["optim.generator.lr=-1"], "optim.generator.lr is -1: give a number above 0"),
        (["trainer.precision=64-true"], "give 32-true, bf16-mixed, 16-mixed or auto"),
        (["trainer.accelerator=tpu"], "give auto, cpu, gpu or cuda"),
        (["data.on_device=yes"], "give true, false or auto"),
        (["data.batch_size=true"], "data.batch_size is true"),
        (["networks.generator=null"], "networks.generator is null"),
        (["+losses.travel.wieght=1"], "did you mean weight?"),
        (["callbacks.nonfinite.lower=2"], "lower is 2: give a number above 0 to 1"),
        (["+foo=1"], "unknown setting foo"),
        (["++callbacks.validaton.every_batches=3"], "callbacks.validation"),
        (["+trainer.gradient_clip_val=1"], "unknown setting trainer.gradient_clip_val"),
        (["hydra.run.dir=x"], "run_dir"),
        (["data.source=[]"], "data.source is []: give a path"),
        (["name=''"], "name is ''"),
        (["seed={}"], "seed is {}: give a whole number"),
        (["data.source={a:1}"], "data.source is {'a': 1}: give a path"),
        (["trainer.max_minutes=1e30"], "max_minutes is 1e+30"),
        (["checkpoint=null"], "give one of default, none"),
        (["hydra.sweep.dir=x"], "without -m"),
        (["launcher=joblib"], "without -m"),
        (["data.litdata.crops=4"], "data.store=litdata"),
        (["+data.root=x"], "data=table"),
        (["prepare.silence_db=30"], "prepare.silence=energy"),
        (["experiment=quickstart", "callbacks=none", "callbacks.validation.every_batches=4"], "not in use"),
    ],
)
def test_an_override_that_does_nothing_or_cannot_be_is_refused(overrides, said):
    with pytest.raises(UserError, match=said.replace("(", r"\(").replace("[", r"\[").replace("+", r"\+")):
        compose("train", overrides)


@pytest.mark.parametrize(
    ("command", "overrides", "said"),
    [
        ("convert", ["overwrite=no"], "overwrite is 'no': give true or false"),
        ("convert", ["overwrite=1"], "overwrite is 1: give true or false"),
        ("convert", ["overwrite=null"], "overwrite is null"),
        ("convert", ["overlap=1"], "overlap is 1"),
        ("convert", ["files_at_once=2.0"], "files_at_once is 2.0"),
        ("convert", ["level=loud"], "level is 'loud'"),
        ("convert", ["inversion=griffin_lim", "inversion.iterations=-inf"], "inversion.iterations is -inf"),
        ("stream", ["input=stdin", "output=stdout", "input_device=3"], "input=microphone"),
        ("stream", ["channels=0"], "channels is 0"),
        ("export", ["format=tflite"], "format is 'tflite'"),
        ("evaluate", ["mcd.power=off"], "mcd.power is 'off': give true or false"),
        ("evaluate", ["recordings=0"], "recordings is 0"),
        ("evaluate", ["parallel=[]"], "parallel is \\[\\]"),
        ("inspect", ["hours=nan"], "hours is nan"),
        ("prepare", ["prepare.workers=-1"], "prepare.workers is -1"),
        ("report", ["output=x"], "evaluations=DIR"),
        ("leaderboard", ["measure=3"], "measure is 3: give a text"),
        ("listening", ["kinds=[abc]"], "kinds is \\['abc'\\]"),
        ("listening", ["answers=x", "recordings=3"], "evaluations=DIR"),
        ("profile", ["cycles=true"], "cycles is true"),
        ("profile", ["resume=runs/x"], "resume has an effect only in a training"),
        ("profile", ["inversion=filter"], "inversion has an effect only in a training"),
        ("profile", ["run_dir=x"], "run_dir has an effect only in a training"),
        ("profile", ["trainer.devices=2"], "trainer.devices has an effect only in a training"),
        ("train", ["allow_changes=[data]"], "allow_changes has an effect only with resume"),
        ("dashboard", ["save=yes"], "save is 'yes'"),
        ("import_notebook", ["sample_rate=1e5"], "sample_rate is 100000.0"),
    ],
)
def test_values_of_every_command_are_checked_by_one_schema(command, overrides, said):
    with pytest.raises(UserError, match=said):
        compose(command, overrides)


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["experiment=quickstart", "stability=[ttur]"], "optim.generator.lr", 0.0001),
        (["experiment=quickstart", "stability=[ttur]", "optim.generator.lr=0.3"], "optim.generator.lr", 0.3),
        (["experiment=quickstart", "stability=[ttur]"], "losses.lecam.weight", 0.15),
        (["experiment=quickstart", "optim=sgd"], "optim.generator.lr", 0.01),
        (["experiment=quickstart", "optim=sgd"], "optim.generator_every", 2),
        (["experiment=genre_quickstart", "losses=music"], "losses.identity", None),
        (["experiment=quickstart", "callbacks=early_stopping"], "callbacks.validation.every_batches", 2000),
        (["experiment=quickstart", "networks=notebook"], "networks.generator.channels", 256),
        (["experiment=quickstart", "ablation=no_margin"], "losses.margin.weight", 0),
        (["experiment=quickstart", "ablation=null"], "losses.margin.weight", 10.0),
    ],
)
def test_a_choice_on_the_command_line_wins_over_an_experiments_values(overrides, key, value):
    assert OmegaConf.select(compose("train", overrides), key) == value


def test_every_plain_setting_of_every_command_has_a_type():
    for command in DECLARED:
        schema = schema_of(command)
        for key in schema.keys - schema.mappings:
            assert schema.setting(key) is not None, (command, key)


def test_types_of_entries_are_those_of_their_classes():
    schema = schema_of("train")
    for key in sorted(schema.mappings):
        for target, content in schema.targets.items():
            if not any(place for place in schema.places.get(key, ())) or not content.keys() <= {
                inner.rpartition(".")[2] for inner in schema.keys if inner.rpartition(".")[0] == key
            } | {"_target_", "_partial_"}:
                continue
            for name, wanted in (parameters(target) or {}).items():
                found = schema.setting(f"{key}.{name}")
                if found is None or wanted is None or ANYTHING in (found, wanted) or f"{key}.{name}" not in schema.keys:
                    continue
                same = {found.kind, wanted.kind} <= {Kind.TEXT, Kind.PATH, Kind.CHOICE}
                assert same or found.kind is wanted.kind, (key, name, found, wanted)
                assert found.optional or not wanted.optional, (key, name, "may be null")


def test_files_are_read_with_limits_whichever_copy_of_hydras_class_would_read_them(tmp_path, monkeypatch):
    """When it looks for plug-ins, Hydra executes the module of its class again."""
    copy = importlib.util.module_from_spec(importlib.util.find_spec(FileConfigSource.__module__))
    copy.__spec__.loader.exec_module(copy)
    (tmp_path / "mine.yaml").write_text("name: [a\n")
    found = composition.CheckedRepository.__new__(composition.CheckedRepository)
    sources = [copy.FileConfigSource("command-line", f"file://{tmp_path}")]
    monkeypatch.setattr(ConfigRepository, "initialize_sources", lambda self, path: setattr(self, "sources", sources))
    found.initialize_sources(None)
    with pytest.raises(UserError, match=r"mine\.yaml, line \d+: is not YAML"):
        found.sources[0].load_config("mine")


@pytest.mark.parametrize("text", ["a ${x} b", "c:\\${x}", "${oc.env:HOME}", "\\\\${x}\\", "a 'b' \"c\" \\d"])
def test_a_text_with_what_looks_like_a_reference_is_meant_letter_by_letter(text):
    word = quote_override(f"card.consent={text}", "train")
    cfg = compose("train", [word], return_hydra_config=True)
    assert cfg.card.consent == text
    assert word in list(cfg.hydra.overrides.task)  # as a job of a sweep needs it
    assert OmegaConf.create({"text": escape(text)}).text == text
