"""How a command's config is composed: Hydra's loader, with files read safely, choices that take effect, and checks."""

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from melgan_vc.config.checks import GIVEN, Source
from melgan_vc.config.effects import faults_of
from melgan_vc.config.hydra_settings import check_code
from melgan_vc.config.paths import CONF
from melgan_vc.config.schema import schema_of
from melgan_vc.config.stored import escape
from melgan_vc.config.targets import check_trust
from melgan_vc.config.yaml_files import load_yaml
from melgan_vc.errors import UserError
from melgan_vc.nested import flat

LATE = ("experiment", "sweep", "ablation", "launcher")  # groups whose files come after all others
PACKAGES = ("_global_", "_group_")  # that Hydra knows by a name of its own
OWN: dict[Path, ConfigResult] = {}  # this package's config files, once read
MOST_FAULTS = 5  # that a line names
FAULTS = "faults"  # where the config of a job says what is wrong with it


def raise_faults(cfg: DictConfig) -> None:
    """Raise what is wrong with the config of a job.

    Raises:
        UserError: something is.
    """
    if FAULTS in cfg:
        raise UserError(str(cfg[FAULTS]))


def install() -> None:
    """Have Hydra compose configs as this module does; more than once is no harm."""
    hydra._internal.hydra.ConfigLoaderImpl = CheckedLoader  # type: ignore[misc]


class CheckedFiles(FileConfigSource):
    """Config files in a folder; those that are not this package's own are read with limits, and errors name a line."""

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(os.path.realpath(os.path.join(self.path, self._normalize_file_name(config_path))))
        if path.is_relative_to(CONF):
            if path not in OWN:
                OWN[path] = super().load_config(config_path)
            return copy.deepcopy(OWN[path])  # Hydra takes its defaults and header out of it
        if not path.is_file():
            return super().load_config(config_path)
        shown = Path(self.path) / self._normalize_file_name(config_path)
        loaded = load_yaml(shown)
        text = shown.read_text(encoding="utf-8-sig")
        try:
            header = ConfigSource._get_header_dict(text[:512])
        except ValueError as error:
            raise UserError(f"{shown}, line 1: {error}; write '# @package _global_', or nothing after '# @'") from error
        package = header.get("package") or ""
        if package.startswith("_") and package.partition(".")[0] not in PACKAGES:
            raise UserError(f"{shown}: there is no package {package}; write '# @package _global_' as its first line")
        return ConfigResult(config=loaded, path=f"file://{self.path}", provider=self.provider, header=header)


class CheckedRepository(ConfigRepository):
    """The configs of all folders that are searched, each read as :class:`CheckedFiles` does."""

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        super().initialize_sources(config_search_path)
        self.sources = [
            # By its scheme: Hydra executes the module of its class a second time when it looks for plug-ins.
            CheckedFiles(source.provider, source.path) if source.scheme() == FileConfigSource.scheme() else source
            for source in self.sources
        ]


class CheckedLoader(ConfigLoaderImpl):
    """Composes a config, lets what was asked for by name win over an experiment's values, and checks the result."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = CheckedRepository(config_search_path)
        self.sources: list[Source] = []
        self.is_job = False

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        self.sources = []
        typed = {without_choice(override, config_name): override for override in overrides}
        overrides = [without_choice(override, config_name) for override in overrides]
        try:
            cfg = super().load_configuration(config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        except KeyError as error:
            if not any("hydra.job.env_copy" in override for override in overrides):
                raise
            raise UserError(f"hydra.job.env_copy: there is no environment variable {error}; remove it") from error
        task = plain_settings(cfg.hydra.overrides)["task"]  # as they were given: reading them takes away escapes
        cfg.hydra.overrides.task = [escape(typed.get(override, override)) for override in task]
        trust = check_trust(cfg.get("trust") if "trust" in cfg else ())
        check_code(plain_settings(cfg.hydra), trust)  # Hydra builds its own objects before a command begins
        if not validate_sweep_overrides or config_name is None or not (CONF / f"{config_name}.yaml").is_file():
            return cfg  # Hydra only wants to know the mode, or the config is not one of ours
        sources = list(self.sources)
        parsed = OverridesParser.create().parse_overrides(overrides)
        settings = [override for override in parsed if not self.is_group(override)]
        self.keep_choices(cfg, config_name, parsed, settings)
        sources.append(Source(GIVEN, frozenset(override.key_or_group for override in settings)))
        faults = list(faults_of(cfg, config_name, sources, [override.key_or_group for override in parsed], trust))
        if faults:
            more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
            text = "; ".join(faults[:MOST_FAULTS]) + more
            if not self.is_job:
                raise UserError(text)
            with open_dict(cfg):
                cfg[FAULTS] = escape(text)
        return cfg

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of one job, with what is wrong with it as a setting: one job's fault stops no other."""
        self.is_job = True
        try:
            return super().load_sweep_config(master_config, sweep_overrides)
        finally:
            self.is_job = False

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        if config_name is None and not overrides:  # as for --help: Hydra would copy all configs for each of its groups
            options: list[str] = self.repository.get_group_options(group_name, results_filter)
            return options
        return super().get_group_options(group_name, results_filter, config_name, overrides)

    def is_group(self, override: Override) -> bool:
        return bool(self.repository.group_exists(override.key_or_group))

    def keep_choices(
        self, cfg: DictConfig, config_name: str, overrides: Sequence[Override], settings: Sequence[Override]
    ) -> None:
        """Set again what a choice on the command line decides and the file of an experiment or sweep changed.

        What counts is how the choice differs from the one that would be there without it: callbacks=early_stopping
        brings early stopping, and leaves what an experiment says of the other callbacks.
        """
        chosen = [override for override in overrides if self.is_group(override) and not override.is_sweep_override()]
        early = [override for override in chosen if override.key_or_group not in (*LATE, "hydra")]
        late = [override for override in chosen if override.key_or_group in LATE]
        early = [override for override in early if not override.key_or_group.startswith("hydra/")]
        if not early or not late:
            return
        asked = self.compose_plainly(config_name, [line(override) for override in early])
        without = self.compose_plainly(config_name, [line(override) for override in late])
        choices = without.hydra.runtime.choices
        others = []
        for override in early:
            other = choices.get(override.key_or_group)
            if isinstance(other, str) and other and not other.startswith("["):
                others.append(f"{override.key_or_group}={other}")
        before = flat_settings(self.compose_plainly(config_name, others))
        typed = {override.key_or_group for override in settings}
        now = flat_settings(cfg)
        for key, value in flat_settings(asked).items():
            touched = any(key == own or key.startswith(f"{own}.") or own.startswith(f"{key}.") for own in typed)
            if before.get(key, before) != value and now.get(key, now) != value and not touched:
                with open_dict(cfg):
                    OmegaConf.update(cfg, key, value, merge=False, force_add=True)

    def compose_plainly(self, config_name: str, overrides: list[str]) -> DictConfig:
        """Return the config of some overrides alone, unchecked."""
        return self._load_configuration_impl(config_name, overrides, RunMode.RUN)

    def _load_single_config(self, default: ResultDefault, repo: Any) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        if default.config_path is not None and not default.config_path.startswith("hydra"):
            keys = frozenset(str(key) for key in flat_settings(loaded.config, of_hydra=True))
            folder = loaded.path.removeprefix("file://")
            self.sources.append(Source(str(Path(folder) / f"{default.config_path}.yaml"), keys))
        return loaded


def without_choice(override: str, command: str | None) -> str:
    """Return an override with null for a config group as Hydra takes it: an empty list of choices.

    Raises:
        UserError: of this group one must be chosen.
    """
    group, _, choice = override.partition("=")
    if choice != "null" or command is None or not (CONF / f"{command}.yaml").is_file():
        return override
    schema = schema_of(command)
    if group not in schema.groups:
        return override
    if group not in schema.removable:
        raise UserError(f"{override}: give one of {', '.join(schema.groups[group])}")
    return f"{group}=[]"


def line(override: Override) -> str:
    assert override.input_line is not None
    return override.input_line


def flat_settings(cfg: Any, of_hydra: bool = False) -> dict[str, Any]:
    """Return the settings of a config by dotted keys, references as they are written.

    Args:
        cfg: the config, or anything else, which has none.
        of_hydra: whether Hydra's own are among them.
    """
    if not isinstance(cfg, DictConfig) or cfg._is_none() or cfg._is_missing():
        return {}
    others = {"defaults"} if of_hydra else {"defaults", "hydra"}
    return flat({key: value for key, value in plain_settings(cfg).items() if key not in others})


def plain_settings(cfg: DictConfig) -> dict[str, Any]:
    """Return a config as dicts and lists, references as they are written."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    return plain
