# libhop - GNU conventions: all check install uninstall demo clean; docs/building.md
#
#   make demo     install what is missing, build, run the main job
#   make check    install what is missing, build, run the tests

VERSION_MAJOR := 0
VERSION       := 0.1.0

prefix     ?= $(if $(PREFIX),$(PREFIX),/usr/local)
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir    ?= $(prefix)/share
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
LIBS    := $(HDF5_LIBS) -lm -pthread
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
ISA_avx2   := -mavx2
ISA_avx512 := -mavx512f -mavx512dq -mavx512vl -mprefer-vector-width=512

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
	$(CC) $(ALL_CFLAGS) $(ISA_$(1)) -DHOP__ISA_SUFFIX=$(1) -MMD -MP -c $$< -o $$@
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
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(COMMON) -L$(BUILD) -lhop -lm -Wl,-rpath,'$$ORIGIN'

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

.PHONY: clean
clean:
	rm -rf $(BUILD)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
