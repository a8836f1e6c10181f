# SPDX-License-Identifier: MIT
#
# GNU make. `make help` lists the targets. Settings, on the command line:
#   CC=gcc|clang        CFLAGS="-O3 -g"       DEVELOPER=1 (warnings are errors)
#   SANITIZE=address,undefined|thread         DOUBLE=1 (the library in double, for proofs)
#   MPI=1 (apg-mpi too)
#   PREFIX=/usr/local   DESTDIR=              V=1 (show the commands)   BUILD=folder for all that is made
VERSION = 0.1.0
CC = gcc
CFLAGS = -O3 -g
PREFIX = /usr/local
PACKAGES = openblas jansson libxxhash

WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2
# No -ffast-math (NaN checks would vanish). Only products may fuse multiplication and addition (lib/nn/kernel_product.c): a run
# gives the same numbers on every machine that has the same BLAS and such an instruction. The first two -fno- flags only free sqrt and selects to be vectorised; -fPIC is for
# libapg.so, and costs nothing that could be measured.
FLAGS = -std=c11 -D_GNU_SOURCE -DAPG_VERSION='"$(VERSION)"' $(WARN) $(if $(DEVELOPER),-Werror) \
	-fno-math-errno -fno-trapping-math -ffp-contract=off -fPIC -fno-semantic-interposition -pthread $(if $(DOUBLE),-DAPG_DOUBLE) \
	$(SANITIZER) $(CFLAGS)
SANITIZER = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
LIBS = -lcsv $(PACKAGE_LIBS) -lm
COMPILE = $(call say,CC)$(CC) $(FLAGS) $(PACKAGE_CFLAGS) -MMD -MP
LINK = $(call say,LINK)$(CC) $(FLAGS) $(LDFLAGS)
say = $(if $(V),,@printf '  %-5s%s\n' $(1) $(@:$(BUILD)/%=%);)

# One folder for each compiler and set of flags, so that a sanitizer's object never meets a release one.
BUILD := build/$(shell printf '%s' '$(CC) $(subst ','\'',$(FLAGS))' | cksum | cut -d' ' -f1)

# By one name only: a folder that was told by its whole path is still this one. Lists of headers (.d) name objects as
# make does, and one that is made by another name of the folder is not made anew when a header changes.
ifneq ($(filter $(CURDIR)/%,$(BUILD)),)
override BUILD := $(BUILD:$(CURDIR)/%=%)
endif

LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out lib/base/comm_mpi.c,$(wildcard lib/*.c lib/*/*.c)))
CMD_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out cmd/main.c,$(wildcard cmd/*.c cmd/*/*.c)))
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard test/unit/test_*.c))
DOUBLE_UNIT := $(patsubst %.c,$(BUILD)/double/%,$(wildcard test/unit/double_*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard test/fuzz/fuzz_*.c))
CLI := $(wildcard test/cli/*.bats)
MPI_CLI := $(wildcard test/mpi/*.bats)

all: $(BUILD)/apg $(BUILD)/apg.o $(BUILD)/libapg.so ## build ./apg and the libraries
.PHONY: all

# ./apg is the plain build; special ones (BUILD=, SANITIZE=, DOUBLE=) stay in their folder.
ifeq ($(origin BUILD)$(SANITIZE)$(DOUBLE),file)
all: apg
apg: $(BUILD)/apg FORCE
	@cmp -s $< $@ || cp -f $< $@
endif
.PHONY: FORCE
# apg-mpi has comm_mpi.o before the archive, whose comm_serial.o is then not taken.
MPI_CFLAGS = $(shell pkg-config --cflags ompi-c)
MPI_LIBS = $(shell pkg-config --libs ompi-c)
ifdef MPI
all: $(BUILD)/apg-mpi
ifeq ($(origin BUILD)$(SANITIZE)$(DOUBLE),file)
all: apg-mpi
apg-mpi: $(BUILD)/apg-mpi FORCE
	@cmp -s $< $@ || cp -f $< $@
endif
endif
$(BUILD)/lib/base/comm_mpi.o: PACKAGE_CFLAGS += $(MPI_CFLAGS)
$(BUILD)/apg-mpi: $(BUILD)/cmd/main.o $(BUILD)/lib/base/comm_mpi.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) $(MPI_LIBS) -o $@
# For a container that has nothing else. It has 27 MB, with OpenBLAS for each sort of processor.
static: $(BUILD)/apg-static ## ./apg-static: apg with its libraries in it
ifeq ($(origin BUILD)$(SANITIZE)$(DOUBLE),file)
	@cp -f $< apg-static
endif
.PHONY: static
$(BUILD)/apg-static: $(BUILD)/cmd/main.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) -static $^ $(LIBS) -o $@

$(BUILD)/apg: $(BUILD)/cmd/main.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -o $@
$(BUILD)/libapg.a: $(LIB_OBJ)
$(BUILD)/libcmd.a: $(CMD_OBJ)
$(BUILD)/double/libapg.a: $(LIB_OBJ:$(BUILD)/%=$(BUILD)/double/%)
%.a:
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# What others link with has the names of apg.h and no others: lib/apg.map lists them.
$(BUILD)/apg.o: $(LIB_OBJ) lib/apg.map
	$(call say,LD)ld -r $(LIB_OBJ) -o $@
	@sed -n 's/^ *\(apg_[a-z_]*\);.*/\1/p' lib/apg.map > $(BUILD)/apg.symbols
	@objcopy --keep-global-symbols=$(BUILD)/apg.symbols $@
$(BUILD)/libapg.so: $(LIB_OBJ) lib/apg.map
	$(LINK) -shared -Wl,-soname,libapg.so.0 -Wl,--version-script=lib/apg.map $(LIB_OBJ) $(LIBS) -o $@

$(BUILD)/lib/nn/kernel_product.o $(BUILD)/double/lib/nn/kernel_product.o: FLAGS += -ffp-contract=fast -fno-tree-vectorize
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -Ilib -Icmd -c $< -o $@
$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -Ilib -Icmd -DAPG_DOUBLE -c $< -o $@

$(BUILD)/test/unit/test_memory: WRAP = $(foreach f,malloc calloc realloc aligned_alloc strdup,-Wl,--wrap=$f)
$(BUILD)/test/unit/test_away: WRAP = -Wl,--wrap=pwrite
$(BUILD)/test/unit/test_outfile: WRAP = $(foreach f,openat fstatat readlinkat readlink fsync linkat renameat,-Wl,--wrap=$f)
$(UNIT): %: %.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $(WRAP) $^ $(LIBS) -lcmocka -o $@
$(DOUBLE_UNIT): %: %.o $(BUILD)/double/libapg.a
	$(LINK) $^ $(LIBS) -lcmocka -o $@
$(FUZZERS): %: %.o $(BUILD)/test/fuzz/replay.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -o $@
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- tests -----------------------------------------------------------------------------------------------------------
#
# Everything is a TAP file in $(BUILD)/tap; tools/tap runs one, says a line about it, and adds them up.
TAP := $(BUILD)/tap
UNIT_TAP := $(UNIT:$(BUILD)/test/unit/%=$(TAP)/unit/%)
DOUBLE_TAP := $(DOUBLE_UNIT:$(BUILD)/double/test/unit/%=$(TAP)/unit/%)
FUZZ_TAP := $(FUZZERS:$(BUILD)/test/fuzz/%=$(TAP)/fuzz/%)
CLI_TAP := $(CLI:test/cli/%=$(TAP)/cli/%)
LINT_TAP := $(TAP)/layers $(TAP)/headers $(TAP)/programs
# The long ones first, so that no processor waits for them at the end.
ALL_TAP := $(LINT_TAP) $(DOUBLE_TAP) $(CLI_TAP) $(UNIT_TAP) $(FUZZ_TAP)
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

check: ## install what is missing, build, run every test; the last line is the result
	@tools/deps
	@$(MAKE) --no-print-directory $(JOBS) programs
	@rm -rf $(TAP)
	@$(MAKE) --no-print-directory $(JOBS) tap
	@tools/tap sum $(ALL_TAP)
programs: all $(UNIT) $(DOUBLE_UNIT) $(FUZZERS)
tap: $(ALL_TAP)
.PHONY: check programs tap

$(TAP)/layers $(TAP)/programs: $(TAP)/%: FORCE
	@tools/tap one $@ check-$* tools/check-$*
$(TAP)/headers: FORCE
	@tools/tap one $@ check-headers tools/check-headers $(CC) $(FLAGS) $(PACKAGE_CFLAGS)
$(TAP)/unit/test_%: $(BUILD)/test/unit/test_% FORCE
	@CMOCKA_MESSAGE_OUTPUT=TAP tools/tap run $@ unit/test_$* $<
$(TAP)/unit/double_%: $(BUILD)/double/test/unit/double_% FORCE
	@CMOCKA_MESSAGE_OUTPUT=TAP tools/tap run $@ unit/double_$* $<
$(TAP)/fuzz/%: $(BUILD)/test/fuzz/% FORCE
	@tools/tap one $@ fuzz/$* $< $(wildcard test/fuzz/corpus/$(*:fuzz_%=%)/*)
$(TAP)/mpi/%: test/mpi/% $(BUILD)/apg $(BUILD)/apg-mpi FORCE
	@APG=$(abspath $(BUILD)/apg) APG_MPI=$(abspath $(BUILD)/apg-mpi) tools/tap run $@ mpi/$* bats --tap $<
# One after another, as each starts up to eight ranks.
check-mpi: ## the same of apg-mpi, on up to 8 ranks; installs Open MPI if there is none
	@tools/deps --mpi
	@$(MAKE) --no-print-directory $(JOBS) MPI=1 all
	@rm -rf $(TAP)/mpi
	@$(MAKE) --no-print-directory -j1 MPI=1 $(MPI_CLI:test/mpi/%=$(TAP)/mpi/%)
	@tools/tap sum $(MPI_CLI:test/mpi/%=$(TAP)/mpi/%)
.PHONY: check-mpi
$(TAP)/cli/%: test/cli/% $(BUILD)/apg FORCE
	@APG=$(abspath $(BUILD)/apg) APG_CC='$(CC) $(SANITIZER)' tools/tap run $@ cli/$* bats --tap $<

check-layers check-headers check-programs: check-%: ## run this check alone
	@rm -f $(TAP)/$*
	@$(MAKE) --no-print-directory $(TAP)/$*
	@tools/tap sum $(TAP)/$* >/dev/null
check-fixtures: $(BUILD)/double/test/unit/double_fixtures ## FIXTURES=DIR: layers and models against numbers from elsewhere
	FIXTURES=$(FIXTURES) $<
SECONDS = 60
fuzz: ## FUZZ=csvread SECONDS=60: search for inputs that break it, with clang and libFuzzer
	@$(MAKE) --no-print-directory CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzz-run
FUZZ_NAMES := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
fuzz-all: ## SECONDS=60: the same with each of the fuzzers in turn
	@for name in $(FUZZ_NAMES); do $(MAKE) --no-print-directory fuzz FUZZ=$$name SECONDS=$(SECONDS) || exit; done
fuzz-run: $(BUILD)/test/fuzz/fuzz_$(FUZZ).o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) -fsanitize=fuzzer $^ $(LIBS) -o $(BUILD)/fuzz_$(FUZZ)
	mkdir -p $(BUILD)/found/$(FUZZ)
	$(BUILD)/fuzz_$(FUZZ) -max_total_time=$(SECONDS) -artifact_prefix=$(BUILD)/found/$(FUZZ)- $(BUILD)/found/$(FUZZ) $(wildcard test/fuzz/corpus/$(FUZZ))
# Some 30 minutes for both files by two processors. OpenBLAS's threads would not live on in a child.
CHANGES = 5000
changes: ## CHANGES=5000: prefixes and changes of a model and a feature file, through the commands, under ASan
	@$(MAKE) --no-print-directory $(JOBS) SANITIZE=address,undefined CFLAGS='-O1 -g' changes-model changes-features
changes-model changes-features: changes-%: $(BUILD)/test/fuzz/changes
	OPENBLAS_NUM_THREADS=1 $< $* $(CHANGES)
$(BUILD)/test/fuzz/changes: %: %.o $(BUILD)/libcmd.a $(BUILD)/libapg.a
	$(LINK) $^ $(LIBS) -o $@
# The suite on a build that counts its lines. The programs in double are other objects, whose lines are not counted, and
# stay out. By default gcc counts with atomic additions where there are threads, which is slower. A process that is killed
# or may not write spoils the counts, so faults.bats is skipped (APG_COUNTS).
COVERED_PERCENT = 92
COVERAGE = BUILD=$(BUILD)/coverage CC=gcc CFLAGS='-O1 -g' SANITIZER='--coverage -fprofile-update=single' DOUBLE_UNIT=
coverage: ## lines of lib/ that the suite runs, with gcc and gcov; under 92 % is an error
	@mkdir -p $(BUILD)/coverage
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@APG_COUNTS=1 $(MAKE) --no-print-directory $(COVERAGE) check
	@tools/coverage $(BUILD)/coverage $(COVERED_PERCENT)
# Leaks are LeakSanitizer's (SANITIZE=address): the analyser of gcc 12 sees some that are none.
analyse: ## gcc's static analyser over lib/ and cmd/; a finding is an error
	@$(MAKE) --no-print-directory CC=gcc CFLAGS='-O1 -g -fanalyzer -DAPG_ANALYSE -Wno-unused-value -Wno-analyzer-malloc-leak -Werror' BUILD=$(BUILD)/analyse all
faults: all ## what apg does when the system refuses, kills or limits it: test/faults/faults.py; needs strace
	test/faults/faults.py points
	test/faults/faults.py kills
	test/faults/faults.py limits
# Memcheck knows no AVX-512, and says so to kernels and OpenBLAS, which then take AVX2. Left out is what would take ten
# minutes to an hour, as memcheck takes thirty times as long: the others run the same products, and the address sanitizer
# runs all of it. Without fair-sched one thread that waits keeps the others from working.
UNCHECKED = gemm memory
CHECKED := $(filter-out $(UNCHECKED:%=$(TAP)/valgrind/test_%),$(UNIT_TAP:$(TAP)/unit/%=$(TAP)/valgrind/%))
valgrind: ## unit tests under memcheck: a wrong access or a leak is an error
	@$(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/valgrind CC=gcc CFLAGS='-O1 -g' valgrind-tap
valgrind-tap: $(CHECKED)
	@tools/tap sum $^
$(TAP)/valgrind/test_%: $(BUILD)/test/unit/test_% FORCE
	@CMOCKA_MESSAGE_OUTPUT=TAP tools/tap run $@ valgrind/test_$* valgrind -q --fair-sched=yes --error-exitcode=99 --leak-check=full $<
# Both are told of APG_ANALYSE, as gcc's analyser is: apg_fail never returns APG_OK.
ANALYSED = -D_GNU_SOURCE -DAPG_VERSION='""' -DAPG_ANALYSE -Ilib -Icmd
SOURCES := $(wildcard lib/*/*.c cmd/*.c cmd/*/*.c test/*/*.c)
HEADERS := $(wildcard lib/*.h lib/*/*.h lib/*/*.inc cmd/*.h cmd/*/*.h test/*/*.h)
cppcheck: ## cppcheck over lib/, cmd/ and test/; a finding is an error
	cppcheck -q $(JOBS) --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --std=c11 $(ANALYSED) lib cmd test
tidy: ## clang-tidy over what changed of them since the last time; a finding is an error
	@$(MAKE) --no-print-directory -k $(JOBS) $(SOURCES:%.c=$(BUILD)/tidy/%)
$(BUILD)/tidy/%: %.c .clang-tidy test/.clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	$(call say,TIDY)clang-tidy --quiet $< -- -std=c11 $(ANALYSED) $(PACKAGE_CFLAGS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@
bench: all ## measure; bench/serve and bench/run say what
	bench/serve
	bench/run
demo: ## install what is missing, build, and show apg at work
	@tools/deps
	@$(MAKE) --no-print-directory $(JOBS) -s all
	@APG=$(abspath $(BUILD)/apg) examples/demo.sh
.PHONY: check-layers check-headers check-programs check-fixtures fuzz fuzz-all fuzz-run changes changes-model changes-features coverage valgrind valgrind-tap analyse faults cppcheck tidy bench demo

# --- installing ------------------------------------------------------------------------------------------------------

BINDIR = $(PREFIX)/bin
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/apg
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
INSTALL = install
INSTALLED = $(BINDIR)/apg $(BINDIR)/apg-mpi $(LIBDIR)/libapg.a $(LIBDIR)/libapg.so $(LIBDIR)/libapg.so.0 $(LIBDIR)/libapg.so.$(VERSION) \
	$(INCLUDEDIR)/apg.h $(LIBDIR)/pkgconfig/apg.pc $(COMPLETIONDIR)/apg $(ZSHDIR)/_apg $(FISHDIR)/apg.fish \
	$(DOCDIR)/files.md $(DOCDIR)/examples/sparse.awk \
	$(foreach page,$(notdir $(wildcard man/*.[1-9])),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))

install: all ## DESTDIR= PREFIX=/usr/local: apg, manual, completion, libapg.a, libapg.so, apg.h, apg.pc
	$(INSTALL) -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	$(INSTALL) -m 755 $(BUILD)/apg $(DESTDIR)$(BINDIR)/apg
	$(if $(MPI),$(INSTALL) -m 755 $(BUILD)/apg-mpi $(DESTDIR)$(BINDIR)/apg-mpi)
	rm -f $(DESTDIR)$(LIBDIR)/libapg.a
	ar rcs $(DESTDIR)$(LIBDIR)/libapg.a $(BUILD)/apg.o
	$(INSTALL) -m 644 $(BUILD)/libapg.so $(DESTDIR)$(LIBDIR)/libapg.so.$(VERSION)
	ln -sf libapg.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libapg.so.0
	ln -sf libapg.so.0 $(DESTDIR)$(LIBDIR)/libapg.so
	$(INSTALL) -m 644 lib/apg.h $(DESTDIR)$(INCLUDEDIR)/apg.h
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
		-e 's|@PACKAGES@|$(PACKAGES)|' lib/apg.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/apg.pc
	$(INSTALL) -m 644 completions/apg.bash $(DESTDIR)$(COMPLETIONDIR)/apg
	$(INSTALL) -m 644 completions/_apg $(DESTDIR)$(ZSHDIR)/_apg
	$(INSTALL) -m 644 completions/apg.fish $(DESTDIR)$(FISHDIR)/apg.fish
	$(INSTALL) -m 644 docs/files.md $(DESTDIR)$(DOCDIR)/files.md
	$(INSTALL) -m 644 examples/sparse.awk $(DESTDIR)$(DOCDIR)/examples/sparse.awk
	for page in man/*.[1-9]; do $(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/ || exit; done
uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
.PHONY: install uninstall

# In a copy of the tree, because Debian's tools write into it, and what they make stands beside it.
DEB = build/deb
deb: ## Debian packages apg, libapg0 and libapg-dev, in build/deb; needs build-essential and debhelper
	rm -rf $(DEB)
	mkdir -p $(DEB)/apg-$(VERSION)
	tar -c --exclude=./build --exclude=./.git --exclude="./apg*" . | tar -x -C $(DEB)/apg-$(VERSION)
	cp -r packaging/debian $(DEB)/apg-$(VERSION)/debian
	cd $(DEB)/apg-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b
.PHONY: deb

# --- the rest --------------------------------------------------------------------------------------------------------

format: ## clang-format over lib/, cmd/ and test/
	clang-format -i $$(find lib cmd test -name '*.[ch]')
clean: ## remove all that was made
	rm -rf build apg apg-mpi apg-static
help: ## this list
	@awk -F'## ' '/^[a-z][a-z -]*:.*## / { sub(/:.*/, "", $$1); printf "  %-30s %s\n", $$1, $$2 }' Makefile
.PHONY: format clean help
