# Two commands do it all: `make course` and `make test`. `make help` lists the rest.
# Needs git, make and Python 3.11 or newer with venv; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RUN := runs/course
# Two processes share the tests: threads of their own, which spin while they wait, would slow both down many times.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest
NBVAL := -p ulmfit_lib.authoring.nbval_environment --nbval --nbval-current-env

# Python keeps what it has compiled, also where the environment (that of many containers) tells it not to: thousands of
# modules would be compiled anew by every command, every notebook and every test that starts a process.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# ARGS="--epochs 1": options of `ulmfit run`.
.PHONY: course
course: $(READY) ## set up, train the whole pipeline on the shipped reviews, build the site
	$(BIN)/ulmfit run --out $(RUN) --resume $(ARGS)
	$(BIN)/python -m ulmfit_lib.authoring.book
	@echo
	@echo "The trained models and the report:  $(CURDIR)/$(RUN)"
	@echo "The course, to read in a browser:   $(CURDIR)/_build/html/index.html"

.PHONY: test
test: $(READY) ## set up, run the whole test suite
	$(PYTEST) -n 2 --dist loadfile --doctest-modules $(NBVAL) tests ulmfit_lib book solutions

.PHONY: setup
setup: $(READY) ## set up only: .venv with every package pinned

# One stamp: what it depends on did not change, so nothing is installed again.
$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is `$(PYTHON) --version`: this course needs Python 3.11 or newer. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the pinned packages into .venv (once; some minutes) ..."
	@# Python compiles a module when it is first imported: to compile all of them here would take a minute. The grader's
	@# sandbox cannot write what it compiles, so what it imports is imported here.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[course,test]'
	$(BIN)/python -m pip uninstall --quiet --yes rfc3987-syntax
	$(BIN)/python -c 'import torch'
	$(BIN)/python -m ulmfit_lib.authoring.npm
	@touch $@

.PHONY: book
book: $(READY) ## build the site from the stored outputs into _build/html
	$(BIN)/python -m ulmfit_lib.authoring.book

.PHONY: serve
serve: book ## build the site and serve it on http://localhost:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

.PHONY: notebooks
notebooks: $(READY) ## execute and normalise every notebook of book/ and solutions/
	$(BIN)/python -m ulmfit_lib.authoring.notebooks

.PHONY: validate
validate: $(READY) ## run every notebook and every proof of the graders again, and give a verdict
	$(BIN)/ulmfit grading validate

.PHONY: release
release: $(READY) ## make the student release of every problem set in exercises/
	$(BIN)/ulmfit grading release

.PHONY: student
student: $(READY) ## copy the problem sets (or SET=1) into work/ and open Jupyter (JUPYTER=no: do not)
	$(BIN)/ulmfit student $(SET) $(if $(filter no,$(JUPYTER)),--no-jupyter)

.PHONY: submit
submit: $(READY) ## zip your notebook of SET=1, to hand it in
	$(BIN)/ulmfit submit $(SET)

.PHONY: grade
grade: $(READY) ## mark a class: SUBMISSIONS=folder-or-zip, SET=1 (marks, statistics, feedback)
	$(BIN)/ulmfit grading grade $(if $(SUBMISSIONS),"$(SUBMISSIONS)") $(if $(SET),--set $(SET))

.PHONY: feedback
feedback: $(READY) ## write a page of feedback for each student
	$(BIN)/ulmfit grading feedback $(if $(SET),--set $(SET))

.PHONY: marks
marks: $(READY) ## write the marks as CSV: plain, for Canvas and for Moodle
	$(BIN)/ulmfit grading marks $(if $(SET),--set $(SET))

.PHONY: mutants
mutants: $(READY) ## change the solutions in every small way, and see that the checks notice
	$(BIN)/python -m ulmfit_lib.authoring.mutants

.PHONY: doctor
doctor: $(READY) ## say what is installed, and what to do about the rest
	$(BIN)/ulmfit doctor

.PHONY: format
format: $(READY) ## format and lint the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: test-slow
test-slow: $(READY) ## run the tests that take minutes (set ULMFIT_DATA for the data sets)
	$(PYTEST) -m slow

.PHONY: bench
bench: $(READY) ## measure the speed beside fastai's, some ten minutes, and write the table into the README
	for script in tokenization lm_batches lm_step "lm_step --threads 2" classifier_speed start_and_memory checks; do \
		set -- $$script; name=$$1; shift; $(BIN)/python benchmarks/$$name.py "$$@" || exit 1; \
	done
	$(BIN)/python benchmarks/readme.py

.PHONY: clean
clean: ## remove what was built (not .venv, not work/, not the marks in runs/grading/)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	@test ! -d runs || find runs -mindepth 1 -maxdepth 1 ! -name grading -exec rm -rf {} +
