PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 0

fuzz: N ?= 10000
mutants: N ?= 60
rtl-mutants: N ?= 120

.PHONY: demo test check fuzz mutants rtl-mutants benchmark lenet interop docs charts

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

benchmark: $(VENV)/.installed  ## speed and memory, as ratios within one run; DATA=folder of MNIST, MODELS=folder of ONNX files
	$(BIN)/python benchmarks/speed.py $(if $(DATA),--data-dir $(DATA)) $(if $(MODELS),--models $(MODELS))

lenet: $(VENV)/.installed  ## train the LeNet-5 that is shipped
	$(BIN)/python -m isospike_papers.stanojevic2023.parts.lenet src/isospike/zoo/lenet5_mnist.safetensors

# An environment for each tool, on torch for the CPU where pip finds one; their dependencies conflict.  sinabs asks for nir
# up to 1.0.4 and for the driver of its chips, samna: both are left out, so that all read with the same nir.
INTEROP := .interop
TOOLS := sinabs snntorch norse spikingjelly
interop: $(TOOLS:%=$(INTEROP)/%/.installed)  ## other tools' simulators, for `isospike verify`
$(INTEROP)/sinabs/.installed: TOOL := sinabs==3.1.3
$(INTEROP)/sinabs/.installed: MORE := pbr numpy matplotlib
$(INTEROP)/snntorch/.installed: TOOL := snntorch==1.0.0
$(INTEROP)/snntorch/.installed: MORE := numpy
$(INTEROP)/norse/.installed: TOOL := norse==1.1.0
$(INTEROP)/norse/.installed: MORE := numpy matplotlib torchvision
$(INTEROP)/spikingjelly/.installed: TOOL := spikingjelly==2.0.0
$(INTEROP)/spikingjelly/.installed: MORE := numpy loguru torchvision
$(INTEROP)/%/.installed: Makefile
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet torch nir==1.0.8 nirtorch==2.6 $(MORE)
	$(@D)/bin/pip install --quiet --no-deps $(TOOL)
	$(@D)/bin/python -W ignore -c "import $(*F)"
	touch $@

docs: $(VENV)/.installed  ## the site, in docs/_build; notebooks are run, warnings are errors
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build

CHARTS := src/isospike/web/static
charts:  ## fetch the charts that pages carry (Apache ECharts) with npm, and check what came
	cd $$(mktemp -d) && npm pack --silent echarts@6.1.0 zrender@6.1.0 \
	  && echo "681aff88cc1038c3fa941a3a53d1b177a52250b05335efc607d6105ae13be481  echarts-6.1.0.tgz" | sha256sum --check \
	  && echo "38f2fb722a638be016ca0175b139c40c886ef47fc2afdb741b2e7e7ae9683f9c  zrender-6.1.0.tgz" | sha256sum --check \
	  && mkdir e z && tar xzf echarts-6.1.0.tgz -C e && tar xzf zrender-6.1.0.tgz -C z \
	  && cp e/package/dist/echarts.common.min.js $(CURDIR)/$(CHARTS)/echarts.js \
	  && cp e/package/LICENSE $(CURDIR)/$(CHARTS)/echarts.LICENSE && cp e/package/NOTICE $(CURDIR)/$(CHARTS)/echarts.NOTICE \
	  && cp e/package/licenses/LICENSE-d3 $(CURDIR)/$(CHARTS)/d3.LICENSE && cp z/package/LICENSE $(CURDIR)/$(CHARTS)/zrender.LICENSE
