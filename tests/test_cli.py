import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import MissingConfigException
from omegaconf import OmegaConf

from melgan_vc.cli import composition_error, explanation, quoted
from melgan_vc.errors import UserError


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("data.source=my voice, take 2", 'data.source="my voice, take 2"'),
        ('input=a "b".wav', r'input="a \"b\".wav"'),
        ("input=${x}.wav", r'input="\${x}.wav"'),
        ("input='already quoted'", "input='already quoted'"),
        ("input='tis.wav", 'input="\'tis.wav"'),
        ("chunk.width=8", "chunk.width=8"),
        ("--help", "--help"),
    ],
)
def test_paths_are_quoted_for_hydra(given, wanted):
    assert quoted(given) == wanted


@pytest.mark.parametrize("path", ["a b", 'say "x"', "a\\b c", "a\\", 'a\\"b', "100% (1), [2] = {3}", "${x}", "é'ü"])
def test_a_quoted_path_comes_back_from_hydra(path):
    (override,) = OverridesParser.create().parse_overrides([quoted(f"input={path}")])
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
