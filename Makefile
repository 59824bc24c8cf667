# Everything runs from .venv, which is made from the lock file; `make demo` is the way in.
PYTHON ?= python3
PY := .venv/bin/python
PORT ?= 3000
# Nothing that mqm uses reports home.
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
export BENTOML_DO_NOT_TRACK := True

.PHONY: install extras demo test serve bench reliability lint mlflow lock clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	test -x .venv/bin/uv || ($(PYTHON) -m venv .venv && .venv/bin/pip install --quiet uv)
	VIRTUAL_ENV=.venv .venv/bin/uv pip install --quiet --require-hashes -r requirements.lock
	VIRTUAL_ENV=.venv .venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch .venv/installed

# What only tests and benchmarks need: Spark, Schemathesis, peers to measure against.
extras: .venv/extras

.venv/extras: requirements-extras.lock .venv/installed
	VIRTUAL_ENV=.venv .venv/bin/uv pip install --quiet --require-hashes -r requirements.lock -r requirements-extras.lock
	touch .venv/extras

demo: install
	$(PY) -m mqm demo

# A file's tests stay together: they share what is costly to make.
test: extras
	$(PY) -m pytest -n 2 --dist loadfile

serve: install
	$(PY) -m mqm serve --port $(PORT)

# BENCH="peers --events 10000000" runs one of them, and larger.
bench: extras
	POLARS_MAX_THREADS=2 MQM_BENCH_CONTACTS=$${MQM_BENCH_CONTACTS:-20000} $(PY) -m benchmarks $(BENCH)

# RELIABILITY="kills torn_wal --long" runs some of them, and as long as the promises say.
reliability: extras
	$(PY) -m benchmarks.reliability $(RELIABILITY)

lint: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

mlflow: install
	.venv/bin/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db --port 5000 --workers 1

# The extras are resolved beside exactly the versions of requirements.lock, and only what that lacks is written.
COMPILE := .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11
lock:
	$(COMPILE) --extra dev pyproject.toml requirements-build.in -o requirements.lock
	$(COMPILE) --all-extras -c requirements.lock pyproject.toml requirements-build.in -o requirements-extras.lock \
		--custom-compile-command "make lock" $$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock)
	$(COMPILE) -c requirements.lock requirements-serving.in -o requirements-serving.lock
	for peer in benchmarks/peers/*.in; do $(COMPILE) $$peer -o $${peer%.in}.lock || exit 1; done

clean:
	rm -rf .venv demo
