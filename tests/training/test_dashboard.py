"""The Weights & Biases view, without Weights & Biases."""

import http.server
import json
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from melgan_vc.cli import CONF
from melgan_vc.errors import UserError
from melgan_vc.training import dashboard
from tests.commands import run_command
from tests.conftest import ROOT, assert_one_line

pytest.importorskip("wandb_workspaces")
KEY = "k" * 40


def view(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("dashboard", overrides=["project=voices", *overrides])
    settings = OmegaConf.to_container(cfg, resolve=True)
    return dashboard.View.of(
        **{key: value for key, value in settings.items() if key not in ("save", "show", "sweep_dir")}
    )


def test_a_sweep_is_shown_alone_with_what_it_varied(no_network):
    given = view("measure=to_target")
    swept = replace(given, group="voices-sweep", swept=["losses.travel.weight", "seed"])
    sent = json.loads(dashboard.exact(dashboard.build(swept)))
    (filtered,) = sent["spec"]["section"]["runSets"][0]["filters"]["filters"]
    assert (filtered["key"]["name"], filtered["value"]) == ("group", "voices-sweep")
    table = sent["spec"]["section"]["runSets"][0]["runFeed"]["columnPinned"]
    assert {"summary:held_out/to_target", "config:losses.value.travel.weight", "config:seed.value"} <= table.keys()
    (panel,) = sent["spec"]["section"]["panelBankConfig"]["sections"][0]["panels"]
    axes = [column["accessor"] for column in panel["config"]["columns"]]
    assert axes == ["config:losses.value.travel.weight", "config:seed.value", "summary:held_out/to_target"]
    outline = dashboard.run(swept, save=False, show="outline")
    assert "held_out/to_target               against losses.travel.weight, seed" in outline


@pytest.fixture
def no_network(monkeypatch, no_key):
    def refuse(*_):
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_view_comes_back_from_its_json_without_key_or_network(no_network):
    from wandb_workspaces.workspaces import Workspace, internal

    given = view("entity=team", 'name="losses, listen"')
    sent = json.loads(dashboard.exact(dashboard.build(given)))
    back = Workspace._from_model(internal.View.model_validate(sent))
    assert (back.entity, back.project, back.name) == ("team", "voices", "losses, listen")
    assert back.settings.x_axis == "trainer/global_step"
    assert [section.name for section in back.sections] == ["Losses", "Held-out measures", "Listen", "Health"]
    for section, wanted in zip(back.sections, given.sections, strict=True):
        plots = [panel for panel in section.panels if hasattr(panel, "y")]
        assert {panel.y[0].name: panel.title_y for panel in plots} == wanted.plots
        assert {(panel.x.name, panel.title_x) for panel in plots} <= {("trainer/global_step", "batch")}
        assert [panel.table_name for panel in section.panels if hasattr(panel, "table_name")] == list(wanted.tables)
        media = {panel.title: panel.media_keys for panel in section.panels if hasattr(panel, "media_keys")}
        assert media == wanted.media
        assert section.is_open
        assert section.layout_settings.rows * section.layout_settings.columns >= len(section.panels)


def test_what_is_in_the_view():
    losses, measures, listen, health = view().sections
    assert {"generator/travel", "generator/total", "discriminator/hinge_fake"} <= set(losses.plots)
    assert measures.plots["held_out/mel_distance"] == "mel distance (lower is better)"
    assert listen.tables == ["held_out/clips"]
    assert "throughput/batches_per_second" in health.plots
    assert len(view("sections.health=null").sections) == 3


def test_the_command_prints_an_outline_or_json(tmp_path, no_key):
    outline = run_command("dashboard", "project=voices", cwd=tmp_path)
    assert outline.returncode == 0, outline.stderr
    assert "held_out/mel_distance" in outline.stdout
    assert "Nothing was saved" in outline.stdout
    exact = run_command("dashboard", "project=voices", "show=json", cwd=tmp_path)
    assert json.loads(exact.stdout)["project"] == "voices"
    assert list(tmp_path.iterdir()) == []


def test_mistakes_end_in_one_line(tmp_path, no_key):
    assert_one_line(run_command("dashboard", cwd=tmp_path), "project not given")
    for wrong, said in (
        ("project=", "project is ''"),
        ("save=perhaps", "save is 'perhaps'"),
        ("show=all", "outline or json"),
        ("name=a+b", "a+b"),
        ("sections.losses.columns=0", "columns is 0"),
        ("+sections.losses.panels=2", "panels"),
    ):
        assert_one_line(run_command("dashboard", "project=voices", wrong, cwd=tmp_path), said)


def test_without_the_package_the_command_says_what_to_install(tmp_path):
    (tmp_path / "wandb_workspaces.py").write_text("raise ImportError")  # found first
    done = run_command("dashboard", "project=voices", cwd=tmp_path)
    assert_one_line(done, "pip install 'melgan_vc[dashboard]'")


@pytest.mark.parametrize("stdin", ["closed", "no terminal", "terminal"])
def test_saving_without_a_key_ends_at_once(stdin, tmp_path, no_key):
    terminal = pty.openpty()
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "melgan_vc.dashboard", "project=voices", "save=true"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=terminal[1] if stdin == "terminal" else subprocess.DEVNULL,
        preexec_fn=(lambda: os.close(0)) if stdin == "closed" else None,
        capture_output=True,
        text=True,
        timeout=60,
    )
    for end in terminal:
        os.close(end)
    assert time.monotonic() - begun < 20
    assert_one_line(done, "no Weights & Biases key", "wandb login")
    assert done.stdout == ""


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as Weights & Biases would to who asks for an account and saves a view."""

    saved: dict[str, str]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = {}
        if self.path == "/graphql":
            asked = json.loads(body)
            given = asked.get("variables") or {}
            if "upsertView" in asked["query"]:
                type(self).saved = given
            answer = {
                "viewer": {"id": "1", "entity": "me"},
                "upsertView": {"view": {"id": "2", "name": given.get("name")}},
            }
        text = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_saving_sends_the_view_and_prints_its_address(tmp_path, no_key, monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        (tmp_path / "none").write_text(f"machine 127.0.0.1:{server.server_port} login user password {KEY}\n")
        done = run_command("dashboard", "project=voices", "save=true", cwd=tmp_path)
        server.shutdown()
    assert done.returncode == 0, done.stderr
    sent = Server.saved
    assert (sent["entityName"], sent["projectName"]) == ("me", "voices")
    assert sent["displayName"] == "losses, held-out measures, listen"
    assert "held_out/mel_distance" in sent["spec"]
    assert done.stdout.startswith(f"saved: http://127.0.0.1:{server.server_port}/me/voices?nw=")
    assert done.stderr == ""


def test_the_address_keeps_the_path_of_the_servers_pages():
    workspace = dashboard.build(view("entity=team"))
    workspace._internal_name = "nw-abc-v"
    assert dashboard.address(workspace, "https://host/wandb/") == "https://host/wandb/team/voices?nw=abc"


def test_a_server_that_does_not_answer_is_given_up(monkeypatch, no_key):
    monkeypatch.setattr(dashboard, "PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        begun = time.monotonic()
        with pytest.raises(UserError, match="did not answer in 1 seconds"):
            dashboard.save_view(view())
    assert time.monotonic() - begun < 10
