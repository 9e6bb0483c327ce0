PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 0

fuzz: N ?= 10000
mutants: N ?= 60
rtl-mutants: N ?= 120

.PHONY: demo test check fuzz mutants rtl-mutants benchmark lenet docs

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch torchvision
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## convert the shipped LeNet-5, run 1,000 MNIST images in spike times, compare
	$(BIN)/isospike check isospike.zoo:lenet5 --data mnist-sample

test: $(VENV)/.installed  ## contracts, traps, bad input, command line
	$(BIN)/pytest

check: $(VENV)/.installed  ## linting and types
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

fuzz: $(VENV)/.installed  ## exactness of N random networks; goes on where it was stopped
	$(BIN)/python tests/fuzz.py $(N)

mutants: $(VENV)/.installed  ## plant N bugs drawn from SEED; goes on where it was stopped, and lists those that no test notices
	$(BIN)/python tests/mutants.py $(N) $(SEED)

rtl-mutants: $(VENV)/.installed  ## plant N faults drawn from SEED in circuits, and list those that no comparison notices
	$(BIN)/python tests/rtl_mutants.py $(N) $(SEED)

benchmark: $(VENV)/.installed  ## speed and memory, as ratios within one run; MODELS=folder of ONNX files
	$(BIN)/python benchmarks/speed.py $(if $(MODELS),--models $(MODELS))
	$(BIN)/python benchmarks/memory.py

lenet: $(VENV)/.installed  ## train the LeNet-5 that is shipped
	$(BIN)/python -m isospike_papers.stanojevic2023.parts.lenet src/isospike/zoo/lenet5_mnist.safetensors

docs: $(VENV)/.installed  ## the site, in docs/_build; notebooks are run, warnings are errors
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build
