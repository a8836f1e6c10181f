# SPDX-License-Identifier: MIT
#
# GNU make. `make help` lists the targets. Settings, on the command line:
#   CC=gcc|clang        CFLAGS="-O3 -g"       DEVELOPER=1 (warnings are errors)
#   SANITIZE=address,undefined|thread         DOUBLE=1 (the library in double, for proofs)
#   PREFIX=/usr/local   DESTDIR=              BUILD=folder for all that is made
VERSION = 0.1.0
CC = gcc
CFLAGS = -O3 -g
PREFIX = /usr/local
PACKAGES = openblas jansson libxxhash

WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2
# No -ffast-math (NaN checks would vanish) and no fused multiply-add chosen by the compiler: a run gives the same
# numbers on every machine that has the same BLAS. The two -fno- flags only free sqrt and selects to be vectorised.
FLAGS = -std=c11 -D_GNU_SOURCE -DAPG_VERSION='"$(VERSION)"' $(WARN) $(if $(DEVELOPER),-Werror) \
	-fno-math-errno -fno-trapping-math -ffp-contract=off -pthread $(if $(DOUBLE),-DAPG_DOUBLE) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(CFLAGS)
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
LIBS = -lcsv $(PACKAGE_LIBS) -lm
COMPILE = $(CC) $(FLAGS) $(PACKAGE_CFLAGS) -MMD -MP
LINK = $(CC) $(FLAGS) $(LDFLAGS)

# One folder for each compiler and set of flags, so that a sanitizer's object never meets a release one.
BUILD := build/$(shell printf '%s' '$(CC) $(subst ','\'',$(FLAGS))' | cksum | cut -d' ' -f1)

LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*.c))
CMD_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out cmd/main.c,$(wildcard cmd/*.c)))
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard test/unit/test_*.c))
DOUBLE_UNIT := $(patsubst %.c,$(BUILD)/double/%,$(wildcard test/unit/double_*.c))
FUZZ := $(patsubst %.c,$(BUILD)/%,$(wildcard test/fuzz/fuzz_*.c))
CLI := $(wildcard test/cli/*.bats)
HEADERS := $(wildcard lib/*.h cmd/*.h)

all: $(BUILD)/apg ## build ./apg
.PHONY: all

# ./apg is the plain build; special ones (BUILD=, SANITIZE=, DOUBLE=) stay in their folder.
ifeq ($(origin BUILD)$(SANITIZE)$(DOUBLE),file)
all: apg
apg: $(BUILD)/apg FORCE
	@cmp -s $< $@ || cp -f $< $@
endif
.PHONY: FORCE

$(BUILD)/apg: $(BUILD)/cmd/main.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -o $@
$(BUILD)/libapg.a: $(LIB_OBJ)
$(BUILD)/libcmd.a: $(CMD_OBJ)
$(BUILD)/double/libapg.a: $(LIB_OBJ:$(BUILD)/%=$(BUILD)/double/%)
%.a:
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -I. -c $< -o $@
$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -I. -DAPG_DOUBLE -c $< -o $@

$(UNIT): %: %.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -lcmocka -o $@
$(DOUBLE_UNIT): %: %.o $(BUILD)/double/libapg.a
	$(LINK) $^ $(LIBS) -lcmocka -o $@
$(FUZZ): %: %.o $(BUILD)/test/fuzz/replay.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -o $@
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
