# SPDX-License-Identifier: GPL-2.0
# The one entry point. "make help" lists the verbs.

BASE ?= 5.10
PATCHED ?= 1
NODES ?= 4
FLAVOUR ?= plain
MB ?= 256
TIMEOUT ?= 300
MINUTES ?= 10
SEED ?= 1
APPEND ?=
BOOT_MB ?= 512

# As given, without make's own expansion of "$".
override CMD := $(value CMD)
override APPEND := $(value APPEND)
LEAN_T0 := $(shell date +%s)
export KSRC SCALE CMD APPEND LEAN_T0 JOBS STEPS

# Those that have a series.
bases := $(patsubst patches/%/series,%,$(wildcard patches/*/series))

ifeq ($(filter 0 1,$(PATCHED)),)
$(error PATCHED is 0 or 1, not '$(PATCHED)')
endif
kernel := $(if $(filter 0,$(PATCHED)),vanilla,patched)
guest := -b '$(BASE)' -k $(kernel) -f '$(FLAVOUR)' -n '$(NODES)' -a "$$APPEND"

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: lean-memcg: per-cgroup kernel metadata that costs what is used.
#:
#:   make demo          before/after table and picture of a base, from nothing
#:   make bench         what operations and memory cost at growing scales, in instructions
#:   make check         all tests of all bases, or of BASE='B...'; STEPS='name...' runs
#:                      some, STEPS=list lists them
#:   make check-long    those that take hours as well
#:   make boot          a shell in a guest, with the tests in /selftests
#:   make run CMD='..'  one command in a guest; fails if that does
#:   make build         a kernel; prints where it is
#:   make kselftest     build and run the tests the in-tree way
#:   make others        selftests of the kernel tree and stress-ng: the same results on
#:                      the base and the patched kernel? TESTS=REGEX chooses
#:   make stress        stress-ng and the other loads for MINUTES, all at once
#:   make bisect-check  does the kernel of BASE boot and work after each patch
#:   make mbox          the series as one mbox, for git am and b4
#:   make deps          install the Debian packages that are missing
#:   make clean         remove build/ of this checkout
#:   make distclean     and the cache: all that was downloaded and built
#:
#: Settings, with what they are otherwise:
#:   BASE=5.10          a folder of patches/ (check, check-long: all of them)
#:   PATCHED=1          0: the kernel without the series (boot, run, build, kselftest, stress)
#:   FLAVOUR=plain      a file of kconfig/: lockdep kasan slab ... (boot, run, build,
#:                      kselftest; others, stress: wide)
#:   NODES=4            a topology, a file of qemu/: 1 2 4 8 memless ... (boot, run,
#:                      kselftest, stress)
#:   MB=256             memory of a node (run; boot, kselftest, stress: 512)
#:   TIMEOUT=300        seconds that it may take (run; kselftest: 1800)
#:   APPEND=            more for the kernel's command line (boot, run, kselftest)
#:   MINUTES=10 SEED=1  how long stress loads, and what
#:   SCALE=             of demo: full 1/2 1/4 1/16 small; of bench: full small; the
#:                      largest that the memory takes
#:   KSRC=/path         your own kernel tree as the base, with BASE=; it is not changed
#:   KSRC_3_15=/path    the same for one of several bases; 3.15 and 3.19 need one
#:   LEAN_CACHE=/path   the cache (~/.cache/lean-memcg)
#:   JOBS=              compilers at once (all cores)

# All of them for those that take long, and if one asks for them alone.
packages := $(if $(filter deps check-long others stress,$(MAKECMDGOALS))$(filter cocci others stress full,$(STEPS)),all)
deps:
	@scripts/deps.sh $(packages)

demo: deps
	@scripts/demo.sh '$(BASE)'

bench: deps
	@scripts/bench.sh '$(BASE)'

check: deps
	@scripts/check.sh $(if $(filter file,$(origin BASE)),$(bases),$(BASE))

check-long: export STEPS = full
check-long: check

boot: deps
	@scripts/run.sh $(guest) -m $(if $(filter file,$(origin MB)),$(BOOT_MB),'$(MB)') -s

run: deps
	@[ -n "$$CMD" ] || { echo "lean-memcg: say what to run: make run CMD='...'" >&2; exit 1; }
	@scripts/run.sh $(guest) -m '$(MB)' -t '$(TIMEOUT)' -- sh -c "$$CMD"

build: deps
	@scripts/build.sh '$(BASE)' $(kernel) '$(FLAVOUR)'

kselftest: deps
	@scripts/kselftest.sh '$(BASE)' $(kernel)

others: deps
	@scripts/others.sh '$(BASE)' $(if $(TESTS),'$(TESTS)')

stress: deps
	@MINUTES='$(MINUTES)' SEED='$(SEED)' NODES='$(NODES)' \
	MB=$(if $(filter file,$(origin MB)),512,'$(MB)') \
	FLAVOUR=$(if $(filter file,$(origin FLAVOUR)),wide,'$(FLAVOUR)') \
	scripts/stress.sh '$(BASE)' $(kernel)

bisect-check: deps
	@scripts/bisect.sh '$(BASE)'

mbox: deps
	@scripts/mbox.sh '$(BASE)'

clean:
	@scripts/clean.sh

distclean:
	@scripts/clean.sh all

.PHONY: help deps demo bench check check-long boot run build kselftest others stress bisect-check mbox clean distclean
