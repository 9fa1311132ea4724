# `make help` lists the targets. After `make setup`, plain `swift build`, `swift test` and `swift run` work too.

PYTHON ?= python3
# Arguments of the trainer, as in `make demo ARGUMENTS="--epochs 1"`.
ARGUMENTS ?= --epochs 2
SOURCES = Sources Tests Examples/Sources Examples/Package.swift Fuzz/Sources Package.swift
# Seconds for each parser, and which ones, as in `make fuzz PARSERS="idx cifar"`.
FUZZ_SECONDS ?= 60
PARSERS ?=
# The sanitizer and the tests, as in `make sanitize SANITIZER=thread TESTS=DatasetsTests`.
SANITIZER ?= address
TESTS ?= .
# The tests that need several threads: of the kernels that divide work, and of runs that must repeat nevertheless.
THREADED = PanelKernel|KernelError|PatchStatistics|SymmetricProduct|LinearAlgebraTests|LineProduct|RepeatedRunTests
export PYTHON FUZZ_SECONDS

.PHONY: help setup demo test test-setup test-examples docs fuzz sanitize format lint clean distclean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

setup: ## Put libtorch and Fashion-MNIST into .deps, where they are not there yet
	@Scripts/setup

demo: ## Set up, then train a convolutional network with K-FAC on Fashion-MNIST
	@Scripts/setup --require-data
	swift run -c release kfac train $(ARGUMENTS)

test: setup ## Set up, then run all tests
	@# Side by side: the one's tests leave all cores but one idle, and the other compiles.
	@$(MAKE) --no-print-directory --jobs=2 test-setup test-examples
	@# What divides work among threads.
	OMP_WAIT_POLICY=passive swift test --disable-xctest --filter '$(THREADED)'
	@# Tests run side by side already: several threads in each would mostly wait for one another.
	OMP_NUM_THREADS=1 swift test --disable-xctest --skip-build --skip '$(THREADED)'

test-setup: ## Test the set-up itself, without a network
	@$(PYTHON) -B -m unittest discover --start-directory Tests/SetupTests

test-examples: ## Build and run the examples, a package that depends on this one
	@# SwiftPM keeps its plan of a dependency and misses files that are new there; what is compiled stays.
	@rm -f .build/examples/debug.yaml
	@# Nobody debugs them or looks things up in them.
	swift build --package-path Examples --scratch-path .build/examples --disable-index-store -debug-info-format none
	@for example in $$(ls Examples/Sources); do echo "$$example:"; .build/examples/debug/$$example || exit 1; done

docs: setup ## Build the documentation of all modules as a site in .build/docs
	@$(PYTHON) -B Scripts/docs

fuzz: setup ## Fuzz the parsers of files and texts, guided by coverage; FUZZ_SECONDS for each
	@Fuzz/run $(PARSERS)

sanitize: setup ## Run the tests with a sanitizer: SANITIZER=address, undefined or thread
	@Scripts/sanitize $(SANITIZER) '$(TESTS)'

format: ## Format the sources in place
	swift format --in-place --recursive --parallel $(SOURCES)

lint: ## Check format, style, imports, names of files, and the columns of documentation
	swift format lint --strict --recursive --parallel $(SOURCES)
	$(PYTHON) -B Scripts/check-columns
	$(PYTHON) -B Scripts/check-imports
	$(PYTHON) -B Scripts/check-files

clean: ## Remove what was built
	rm -rf .build .build-* Examples/.build

distclean: clean ## Remove what was built and what was set up
	rm -rf .deps
