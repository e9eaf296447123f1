# ops-updater: `make help` lists the targets.
BUILD    ?= build
CXX      ?= g++
CXXFLAGS ?= -O2
SANITIZE ?=
VERSION  := 1.0.0
OUTPUT   ?= $(BUILD)/ops-updater
JOBS     ?= $(shell nproc)

ifeq ($(origin CXX),default)
CXX := g++
endif

WARNINGS := -Wall -Wextra -Wpedantic -Werror
ALL_FLAGS = -std=c++20 $(WARNINGS) $(CXXFLAGS) $(SANITIZE) -pthread -Isrc -MMD -MP \
            -DOPS_UPDATER_VERSION='"$(VERSION)"' -D_FILE_OFFSET_BITS=64 -D_GNU_SOURCE

sources = $(sort $(wildcard $(1)/*.cpp))
objects = $(patsubst %.cpp,$(BUILD)/obj/%.o,$(call sources,$(1)))

# A floor links only the floors below it: the unit tests of the rules are linked without the world.
RULES  := $(BUILD)/rules.a
WORLD  := $(BUILD)/world.a
AGENTS := $(BUILD)/agents.a
PASS   := $(BUILD)/pass.a
# Static where that saves the loader work: every host starts this every five minutes.
RULES_LIBS := $(if $(SANITIZE),-lyaml-cpp,-l:libyaml-cpp.a)
STATIC     := $(if $(SANITIZE),,-static-libstdc++ -static-libgcc)
# libcurl is loaded when it is first used (src/world/curl_library.cpp).
WORLD_LIBS := -lz

.PHONY: all
all: $(OUTPUT)

$(OUTPUT): $(BUILD)/obj/src/main.o $(BUILD)/obj/src/cli.o $(PASS) $(AGENTS) $(WORLD) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) $(STATIC) -o $@ $^ $(WORLD_LIBS) $(RULES_LIBS)

$(RULES):  $(call objects,src/rules)
$(WORLD):  $(call objects,src/world)
$(AGENTS): $(call objects,src/agents)
$(PASS):   $(call objects,src/pass)
$(RULES) $(WORLD) $(AGENTS) $(PASS):
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

# Tests are run once: compiling them fast matters more than their speed.
$(BUILD)/obj/tests/%.o: CXXFLAGS += -O0
$(BUILD)/obj/%.o: %.cpp | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	$(CXX) $(ALL_FLAGS) -c -o $@ $<

# --- examples ----------------------------------------------------------------------------------
META := $(BUILD)/ops-meta
$(META): $(call objects,examples/ops-meta)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ -lcpp-httplib -lyaml-cpp -lssl -lcrypto

# --- tests -------------------------------------------------------------------------------------
UNIT      := $(BUILD)/unit-tests
CLI       := $(BUILD)/cli-tests
WORLDT    := $(BUILD)/world-tests
TRANSPORT := $(BUILD)/transport-tests
METAT     := $(BUILD)/meta-tests
E2E       := $(BUILD)/e2e-tests
TEST_BINARIES := $(UNIT) $(CLI) $(WORLDT) $(METAT) $(TRANSPORT) $(E2E)

$(UNIT): $(call objects,tests/unit) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(RULES_LIBS)
$(CLI): $(call objects,tests/cli) $(BUILD)/obj/src/cli.o $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(RULES_LIBS)
$(WORLDT): $(call objects,tests/world) $(WORLD) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(WORLD_LIBS) $(RULES_LIBS)
$(METAT): $(call objects,tests/meta) $(filter-out %/main.o,$(call objects,examples/ops-meta))
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ -lcpp-httplib -lyaml-cpp -lssl -lcrypto
$(TRANSPORT): $(call objects,tests/transport) $(addprefix $(BUILD)/obj/tests/support/,files.o process.o) $(WORLD) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(WORLD_LIBS) $(RULES_LIBS) -lcrypto
$(E2E): $(call objects,tests/e2e) $(call objects,tests/support)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ -lcpp-httplib -lyaml-cpp -lssl -lcrypto -lz

CRASH := $(BUILD)/crash-test
$(CRASH): $(call objects,tests/crash) $(call objects,tests/support)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ -lcpp-httplib -lyaml-cpp -lssl -lcrypto -lz

CRASH_OPTIONS ?=
.PHONY: crash-test
crash-test: ## kill a pass at every call, let each fail, cut the power (CRASH_OPTIONS=--help)
	@tests/tools/deps.sh test
	@$(MAKE) --no-print-directory -j$(JOBS) $(OUTPUT) $(CRASH)
	@OPS_UPDATER=$(OUTPUT) $(CRASH) $(CRASH_OPTIONS)

FUZZ_TARGETS := answer config digest_file memory version_file
REPLAYS := $(FUZZ_TARGETS:%=$(BUILD)/fuzz-replay/%)
$(BUILD)/fuzz-replay/%: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(BUILD)/obj/tests/fuzz/replay.o $(RULES)
	@mkdir -p $(@D)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(RULES_LIBS)

.PHONY: test
test: ## build and run all tests (once built, under 3 minutes on 2 cores); fetches what it needs
	@tests/tools/deps.sh test
	@$(MAKE) --no-print-directory -j$(JOBS) tests-built
	@tests/tools/unpack-tools.sh
	@tests/tools/test.sh $(BUILD)

.PHONY: tests-built
tests-built: $(OUTPUT) $(META) $(TEST_BINARIES) $(CRASH) $(REPLAYS)

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: ## libFuzzer with ASan and UBSan on each parser, FUZZ_SECONDS each (60)
	@tests/tools/deps.sh fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) fuzz-built BUILD=build/fuzz CXX=clang++ \
	    CXXFLAGS="-O1 -g1" SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
	@tests/tools/fuzz.sh build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

.PHONY: fuzz-built
fuzz-built: $(FUZZ_TARGETS:%=$(BUILD)/%-fuzz)
$(BUILD)/%-fuzz: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(RULES)
	$(CXX) $(ALL_FLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(RULES_LIBS)

.PHONY: asan
asan: ## the same tests with ASan and UBSan
	@$(MAKE) --no-print-directory test BUILD=build/asan CXXFLAGS="-O1 -g1 -Wno-maybe-uninitialized" \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all"

# --- benchmarks ----------------------------------------------------------------------------------
MEASURE  := $(BUILD)/measure
FLEET    := $(BUILD)/fleet
CFENGINE := build/tools/cfengine3
$(MEASURE): $(BUILD)/obj/tests/bench/measure.o
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^
$(FLEET): $(BUILD)/obj/tests/bench/fleet.o $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(RULES_LIBS)

.PHONY: bench
bench: ## time and memory against a shell script that does the same, and growth (2 to 3 minutes)
	@tests/tools/deps.sh bench
	@$(MAKE) --no-print-directory -j$(JOBS) $(OUTPUT) $(META) $(MEASURE)
	@tests/tools/unpack.sh $(CFENGINE) cfengine3 libpromises3 libvirt0 liblmdb0 libnl-3-200 \
	    libnl-route-3-200 libyajl2 libssh-4 || echo "cf-agent is left out"
	@tests/bench/bench.sh $(abspath $(OUTPUT) $(META) $(MEASURE) $(CFENGINE))
	@tests/bench/growth.sh $(abspath $(OUTPUT) $(META) $(MEASURE))

.PHONY: bench-fleet
bench-fleet: ## how 10^3 to 10^6 hosts spread over time, and 300 real passes at once
	@tests/tools/deps.sh bench
	@$(MAKE) --no-print-directory -j$(JOBS) $(OUTPUT) $(META) $(FLEET)
	@$(FLEET)
	@tests/bench/fleet.sh $(abspath $(OUTPUT) $(META))

.PHONY: budget
budget: ## fail if a steady pass runs more processes or system calls than written down (part of test)
	@tests/tools/deps.sh bench
	@$(MAKE) --no-print-directory -j$(JOBS) $(OUTPUT) $(META)
	@tests/bench/budget.sh $(abspath $(OUTPUT) $(META))

# --- checks, demo --------------------------------------------------------------------------------
.PHONY: lint
lint: ## clang-format, clang-tidy, cppcheck, shellcheck, man page, systemd units
	@tests/tools/lint.sh

.PHONY: format
format: ## bring all C++ into the project's format
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

.PHONY: demo
demo: ## show the main job live against the example ops-meta
	@tests/tools/deps.sh demo
	@$(MAKE) --no-print-directory -j$(JOBS) $(OUTPUT) $(META)
	@tests/demo/demo.sh $(OUTPUT) $(META)

# --- install ------------------------------------------------------------------------------------
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
SBINDIR    ?= $(PREFIX)/sbin
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MANDIR     ?= $(PREFIX)/share/man/man8
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
DOCDIR     ?= $(PREFIX)/share/doc/ops-updater
MANPAGE    := src/man/ops-updater.8
COMPLETION := src/completion/ops-updater.bash
# The files in cron/ and src/ are written for PREFIX=/usr.
PLACED      = sed -e 's|/usr/sbin/ops-updater|$(SBINDIR)/ops-updater|g' \
                  -e 's|/usr/share/doc/ops-updater|$(DOCDIR)|g'
SYSTEMD_RUNS = [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]

.PHONY: install
install: $(OUTPUT) ## install (DESTDIR, PREFIX); neither cron nor timer is active afterwards
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(UNITDIR) $(MANDIR) $(COMPDIR) \
	    $(DOCDIR)/examples/hello-agent $(SYSCONFDIR)/cron.d $(SYSCONFDIR)/logrotate.d)
	install -m 755 $(OUTPUT) $(DESTDIR)$(SBINDIR)/ops-updater
	install -m 644 $(COMPLETION) $(DESTDIR)$(COMPDIR)/ops-updater
	$(PLACED) $(MANPAGE) >$(DESTDIR)$(MANDIR)/ops-updater.8
	$(PLACED) cron/ops-updater.service >$(DESTDIR)$(UNITDIR)/ops-updater.service
	$(PLACED) cron/ops-updater.timer >$(DESTDIR)$(UNITDIR)/ops-updater.timer
	chmod 644 $(DESTDIR)$(MANDIR)/ops-updater.8 $(DESTDIR)$(UNITDIR)/ops-updater.*
	install -m 644 README.md $(DESTDIR)$(DOCDIR)
	install -m 644 examples/ops-updater.yaml examples/desired.yaml $(DESTDIR)$(DOCDIR)/examples
	install -m 755 examples/pack $(DESTDIR)$(DOCDIR)/examples
	install -m 755 examples/hello-agent/control examples/hello-agent/hello-agent \
	    $(DESTDIR)$(DOCDIR)/examples/hello-agent
	@# What the administrator has changed, an active cron line above all, is kept.
	@for name in cron.d:ops-updater.cron logrotate.d:ops-updater.logrotate; do \
	    file=$(DESTDIR)$(SYSCONFDIR)/$${name%%:*}/ops-updater; \
	    if [ ! -e "$$file" ]; then \
	        $(PLACED) "cron/$${name#*:}" >"$$file" && chmod 644 "$$file" || exit 1; \
	    elif ! $(PLACED) "cron/$${name#*:}" | cmp -s - "$$file"; then \
	        echo "kept as it is: $$file"; \
	    fi; \
	done
	@if $(SYSTEMD_RUNS); then systemctl daemon-reload; fi

.PHONY: uninstall
uninstall: ## remove what install put there; ops dir, configuration and log stay
	@if $(SYSTEMD_RUNS); then systemctl disable --now ops-updater.timer 2>/dev/null || true; fi
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/ops-updater $(COMPDIR)/ops-updater \
	    $(MANDIR)/ops-updater.8 $(UNITDIR)/ops-updater.service $(UNITDIR)/ops-updater.timer \
	    $(SYSCONFDIR)/cron.d/ops-updater $(SYSCONFDIR)/logrotate.d/ops-updater)
	rm -rf $(DESTDIR)$(DOCDIR)
	@if $(SYSTEMD_RUNS); then systemctl daemon-reload; fi

.PHONY: deb
deb: $(OUTPUT) ## build the Debian package
	@tests/tools/deps.sh package
	rm -rf $(BUILD)/deb
	@$(MAKE) --no-print-directory install DESTDIR=$(abspath $(BUILD))/deb PREFIX=/usr \
	    SYSCONFDIR=/etc UNITDIR=/lib/systemd/system >/dev/null
	@src/debian/package.sh $(BUILD)/deb $(VERSION) $(BUILD)

# --- set-up ------------------------------------------------------------------------------------
$(BUILD)/deps.ok: tests/tools/deps.sh
	@mkdir -p $(@D)
	@tests/tools/deps.sh build
	@touch $@

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
