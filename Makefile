# ops-updater: `make help` lists the targets.
BUILD    ?= build
CXX      ?= g++
CXXFLAGS ?= -O2 -g
SANITIZE ?=
VERSION  := 1.0.0
OUTPUT   ?= $(BUILD)/ops-updater

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
RULES_LIBS := -lyaml-cpp
WORLD_LIBS := -lcurl

.PHONY: all
all: $(OUTPUT)

$(OUTPUT): $(BUILD)/obj/src/main.o $(BUILD)/obj/src/cli.o $(PASS) $(AGENTS) $(WORLD) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(WORLD_LIBS) $(RULES_LIBS)

$(RULES):  $(call objects,src/rules)
$(WORLD):  $(call objects,src/world)
$(AGENTS): $(call objects,src/agents)
$(PASS):   $(call objects,src/pass)
$(RULES) $(WORLD) $(AGENTS) $(PASS):
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/obj/%.o: %.cpp | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	$(CXX) $(ALL_FLAGS) -c -o $@ $<

# --- tests -------------------------------------------------------------------------------------
UNIT  := $(BUILD)/unit-tests
WORLDT := $(BUILD)/world-tests
E2E   := $(BUILD)/e2e-tests

$(UNIT): $(call objects,tests/unit) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(RULES_LIBS)
$(WORLDT): $(call objects,tests/world) $(WORLD) $(RULES)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ $(WORLD_LIBS) $(RULES_LIBS)
$(E2E): $(call objects,tests/e2e) $(call objects,tests/support)
	$(CXX) $(ALL_FLAGS) $(LDFLAGS) -o $@ $^ -lcpp-httplib -lyaml-cpp -lssl -lcrypto -lz

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
