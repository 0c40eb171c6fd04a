# The same words at the desk, in the README and in .ci/run.
# PYTHON=/path/to/python3.12 chooses an interpreter for the virtual environments.

.DEFAULT_GOAL := help
.PHONY: help setup demo test untimed timed machines hil bench bench-check unit lint types format install uninstall deb clean
export PYTHON PURGE
# Or pytest rewrites every test and every daemon that a test starts is compiled, each time anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these words
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 18

setup: ## install system packages and .venv, only what is missing
	@.ci/setup dev

demo: ## hold a conversation without key or hardware
	@.ci/setup device
	.venv/bin/harkd demo

test: untimed timed ## run every test, also on a virtual sound card and with other people's clients

untimed: # what passes however slowly, so other things may run beside it
	@.ci/setup test
	.venv/bin/python -m pytest -n auto --dist worksteal -m "not (system or alone or machines)"

timed: # what measures in real time, so nothing may
	@.ci/setup test
	.venv/bin/python -m pytest -m "system or alone"

machines: ## try the package and the unit on other Debians, Pythons and processors, under a systemd of their own; as root
	@.ci/setup test
	.venv/bin/python -m pytest -m machines tests/machines tests/packaging

hil: ## boot the box on a Linux of its own with pins, a sound card and a bad network; as root, builds that Linux once
	@.ci/setup dev
	.venv/bin/python -m pytest -v -s tests/hil -m "machines and not long"

bench: ## measure this project beside other clients, write docs/bench.json and docs/bench.svg
	@.ci/setup peers
	.venv/bin/python -m tests.bench.run

bench-check: ## fail if a conversation takes 5 % more instructions or memory than it did
	@.ci/setup bench
	.venv/bin/python -m tests.bench.check

unit: setup ## run the tests that take seconds
	.venv/bin/python -m pytest -n auto tests/daemon tests/hw tests/test_architecture.py -m "not long" --hypothesis-profile=desk

lint: setup ## judge style
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: setup ## judge types
	.venv/bin/mypy

format: setup ## rewrite the sources in the house style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

install: ## put harkd on this machine as a service, or bring it up to date
	@systemd/install

uninstall: ## take it away; with PURGE=1 also its settings and the key
	@systemd/install --remove

deb: ## build the Debian package into dist/
	@debian/build

clean: ## remove what the other words made, except system packages
	rm -rf .venv .venv-peers .venv-bench .pulseaudio .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist demo-out *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
