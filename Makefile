# Everything a fresh machine needs: Python >= 3.11, git, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 pyproject.toml

.PHONY: install demo laboratory test coverage lint bench lock soak troubles docs pictures clean

install: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src/malote
	touch $(STAMP)

demo: install
	$(BIN)/malote demo

# Every planted trouble, found by name and ended by what is highlighted, in a live demo: about a quarter of an hour.
laboratory: install
	$(BIN)/malote demo laboratory

# Most tests wait for servers and clocks more than they compute: four at a time suit two cores. In the order of
# pyproject.toml, the longest first: else one file of long tests is left to the end, and three of four do nothing.
test: install
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

# The unit tests again at every change, until Ctrl+C; the first one that fails ends a round.
watch: install
	$(BIN)/watchfiles --filter python "$(BIN)/python -m pytest -q -x tests/unit" src tests/unit

# What the unit tests alone reach of the program, but those that count processor time: tracing costs more than they allow. Fails below the floor that pyproject.toml says (tool.coverage.report).
coverage: install
	$(BIN)/python -m coverage run -m pytest -q tests/unit --ignore tests/unit/fiscal/test_fiscal_costs.py
	$(BIN)/python -m coverage report

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install
	$(BIN)/python -m bench

# Longer than CI allows: kills every process in turn for half an hour.
soak: install
	MALOTE_SOAK=1 $(BIN)/python -m pytest tests/faults -m "processes and not troubles" --timeout 3600

# The troubles of a real store, each so many times with the light watched all the time, two at once: an hour or two.
# Goes on where it was cut off. TIMES=3, NAMES="clock-set store-lost", JOBS=1; ANEW=1 puts earlier records aside.
TIMES ?= 10
JOBS ?= 2
troubles: install
	$(BIN)/python -m tests.faults.troubles $(NAMES) --times $(TIMES) --jobs $(JOBS) $(if $(ANEW),--anew)

# Every page at three widths, light and dark, into build/pictures; those that the documentation shows into docs/images.
pictures: install
	MALOTE_PICTURES=build/pictures $(BIN)/python -m pytest -q tests/browser/test_console_pictures.py

# The pages that are made from the program: reasons and commands.
docs: install
	$(BIN)/python -m malote.cli.pages docs
	$(BIN)/python docs/draw_layers.py

# The locks hold hashes and no address; run after changing the dependencies in pyproject.toml.
lock: install
	$(COMPILE) --output-file requirements/till.txt
	$(COMPILE) --extra server --output-file requirements/server.txt
	$(COMPILE) --extra dev --output-file requirements/dev.txt

clean:
	rm -rf $(VENV) demo-data bench/results
