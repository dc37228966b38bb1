# Thin: each target is one or two commands that can be typed by hand. CMake does the work.
BUILD ?= build/release
WEIR = $(BUILD)/weir

.PHONY: build run test bench fuzz lint format clean

build:
	@deploy/install-packages build
	@mkdir -p $(BUILD)
	@cmake --preset release -B $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build $(BUILD) -- --quiet

run: build
	@$(WEIR) -e -I tests/golden/first/first.pcap -t

test:
	@deploy/install-packages build test
	@tests/run

bench:
	@deploy/install-packages build bench
	@tests/bench/run

fuzz:
	@deploy/install-packages build test
	@tests/fuzz/run

lint:
	@deploy/install-packages build test
	@tests/lint/run

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build
