import numpy as np
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from melgan_vc.cli import composition_error, explanation
from melgan_vc.config.command_line import check_options, quote_override, quote_words
from melgan_vc.data.shard_pieces import explained_reading
from melgan_vc.errors import UserError
from melgan_vc.training.checkpoint_checks import entry
from tests.commands import run_command
from tests.conftest import assert_one_line


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("data.source=my voice, take 2", 'data.source="my voice, take 2"'),
        ('input=a "b".wav', r'input="a \"b\".wav"'),
        ("input=${x}.wav", r'input="\${x}.wav"'),
        ("input='already quoted'", "input='already quoted'"),
        ("input='tis.wav", 'input="\'tis.wav"'),
        ("chunk.width=8", "chunk.width=8"),
        ("++data.source=my voice, take 2", '++data.source="my voice, take 2"'),
        ("card.consent=both agreed, on 2026-11-01", 'card.consent="both agreed, on 2026-11-01"'),
        ("card.licence=CC BY-SA 4.0 (Anna's)", 'card.licence="CC BY-SA 4.0 (Anna\'s)"'),
        ("card.licence=[draft]", 'card.licence="[draft]"'),
        ("card.licence='tis and 'tis'", "card.licence=\"'tis and 'tis'\""),
        ("name=2024", 'name="2024"'),
        ("name=null", "name=null"),
        ("data.source=[a b,c's]", 'data.source=["a b","c\'s"]'),
        ('data.source=["a b","c,d"]', 'data.source=["a b","c,d"]'),
        ("logger.wandb.project=a=b #1", 'logger.wandb.project="a=b #1"'),
        ("callbacks.mine.title=it's", 'callbacks.mine.title="it\'s"'),
        ("chunk.width=8,16", 'chunk.width="8,16"'),
        ("stability=[ttur,r1]", "stability=[ttur,r1]"),
        ("~losses.identity", "~losses.identity"),
    ],
)
def test_texts_and_paths_are_quoted_for_hydra(given, wanted):
    command = "convert" if given.startswith("input") else "train"
    assert quote_override(given, command) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("data.source=a b,c", 'data.source="a b","c"'),
        ("card.consent='a, b',c", "card.consent='a, b',\"c\""),
        ("chunk.width=8,16", "chunk.width=8,16"),
        ("losses=voice,music", "losses=voice,music"),
        ("name=choice(a,b)", "name=choice(a,b)"),
    ],
)
def test_with_several_jobs_a_comma_separates_values(given, wanted):
    assert quote_words(["-m", given], "train") == [wanted, "-m"]


@pytest.mark.parametrize("word", ["nonsense", "", "=5", "a b=3", "[x]=1"])
def test_a_word_that_is_no_setting_is_refused(word):
    with pytest.raises(UserError, match="is not KEY=VALUE"):
        quote_words([word], "train")


def test_options_and_what_follows_them_stay():
    words = ["-cd", "name=my, folder", "--help", "--cfg", "job"]
    assert quote_words(words, "train") == words


def test_a_folder_in_brackets_is_a_folder_where_it_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert quote_override("data.source=[Anna]", "train") == 'data.source=["Anna"]'
    (tmp_path / "[Anna]").mkdir()
    assert quote_override("data.source=[Anna]", "train") == 'data.source="[Anna]"'
    assert quote_words(["-m", "data.source=[Anna]"], "train") == ['data.source="[Anna]"', "-m"]


def test_settings_are_read_on_both_sides_of_an_option():
    words = ["seed=1", "--config-dir", "mine", "name=x", "--", "~losses.identity", "--info"]
    check_options(words)
    assert quote_words(words, "train") == [
        "seed=1", 'name="x"', "~losses.identity", "--config-dir", "mine", "--info"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed=1", "--sed", "name=x"], "unknown option --sed; --help"),
        (["--config-dir"], "--config-dir/-cd: expected one argument; --help"),
        (["--cfg", "all_of_it"], "invalid choice: 'all_of_it'"),
    ],
)
def test_an_option_that_is_unknown_or_wrong_is_refused(words, said):
    with pytest.raises(UserError, match=said):
        check_options(words)


@pytest.mark.parametrize("word", [f"seed={'7' * 6000}", f"callbacks.x.y=[1,-{'7' * 6000}]"])
def test_a_number_of_thousands_of_digits_is_told_by_its_setting(word):
    with pytest.raises(UserError, match=rf"^{word.partition('=')[0]}: a number has 6000 digits"):
        quote_words([word], "train")


@pytest.mark.parametrize(
    "path", ["a b", 'say "x"', "a\\b c", "a\\", 'a\\"b', "100% (1), [2] = {3}", "${x}", "é'ü", "a\nb", "~x#1"]
)
def test_a_quoted_path_comes_back_from_hydra(path):
    (override,) = OverridesParser.create().parse_overrides([quote_override(f"input={path}", "convert")])
    assert OmegaConf.create({"input": override.value()}).input == path


def test_a_users_error_is_found_behind_a_librarys():
    try:
        try:
            raise UserError("mend this")
        except UserError as cause:
            raise RuntimeError("library") from cause
    except RuntimeError as error:
        assert explanation(error) == "mend this"


def test_a_bug_is_not_explained_away():
    try:
        try:
            raise OSError("handled")
        except OSError:
            raise KeyError("bug")  # noqa: B904 (the context is the point)
    except KeyError as error:
        assert explanation(error) is None


@pytest.mark.parametrize(
    "allocate", [lambda: bytearray(1 << 60), lambda: np.zeros(1 << 57), lambda: torch.zeros(1 << 50)]
)
def test_a_lack_of_memory_is_one_line_that_says_what_to_do(allocate):
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        allocate()
    line = explanation(raised.value)
    assert line is not None and line.startswith("there is too little memory (") and "data.batch_size" in line
    assert explanation(RuntimeError("shapes do not fit")) is None


@pytest.mark.parametrize("context", [entry("random"), explained_reading("shards")])
def test_a_lack_of_memory_is_not_taken_for_damage(context):
    with pytest.raises(MemoryError), context:
        bytearray(1 << 60)


def test_what_hydra_refuses_in_a_plain_exception_is_one_line(tmp_path):
    done = run_command("train", "-m", "--cfg", "job", "seed=1", cwd=tmp_path)
    assert_one_line(done, "Only one of")


def test_an_unknown_choice_lists_the_known_ones():
    found = "In 'train': Could not find 'experiment/x'"
    text = f"{found}\n\nAvailable options in 'experiment':\n\ta\n\tb\nConfig search path:\n\tprovider"
    line = explanation(MissingConfigException(text, "x"))
    assert line == f"{found}; choose one of a, b for 'experiment'"


def test_a_setting_that_another_needs_is_named():
    text = "MissingMandatoryValue while resolving interpolation: Missing mandatory value: data.root\n    full_key: x"
    assert composition_error(text) == "data.root not given; add data.root=..."


def test_an_unknown_setting_is_named():
    assert composition_error("Could not override 'foo'.\nTo append use +foo=1") == (
        "unknown setting 'foo'; --help shows what can be set"
    )


def test_what_is_not_there_cannot_be_removed():
    text = "Could not delete from config. 'losses.identity.wight' does not exist."
    assert composition_error(text, "train") == (
        "~losses.identity.wight: there is none to remove; did you mean losses.identity.weight?"
    )
    assert composition_error("Could not delete from config. The value of 'seed' is 0 and not 5.") == (
        "Could not delete from config. The value of 'seed' is 0 and not 5; --help shows what can be set"
    )
