# make            builds libsasl2.so.2 and libsasl.so.7, each also as .a, and the tools
# make install    installs them with headers and pkg-config files: PREFIX=/usr/local LIBDIR=... DESTDIR=...
#                 SASL1_INCLUDEDIR=... is where programs for libsasl.so.7 find <sasl.h>
# make install-tools    installs the tools only, with their manual pages: SBINDIR=... MANDIR=...
# make demo       shows stock Sendmail authenticating on this library
# make check      everything that CI runs
# make bench      measures the stock library and this one in turn for docs/performance.md: ROUNDS=9
# make scale      measures the password database with up to USERS=10000000 users (12 GB below target/) for docs/scale.md
# make differential    runs calls made up from seeds on the stock library and on this one: CASES=1000000 SEED=1
# make fuzz       runs each fuzz target for a minute: FUZZ_SECONDS=60, FUZZ_TARGETS='scram_server ...' (docs/fuzzing.md)
# make soak       runs what takes long: the tests with sanitizers and under valgrind, and the long forms of tests
# make coverage   tells which lines the tests run
# make link-cc    links the shared library with the C compiler, where lld is not to be had

PREFIX ?= /usr/local
MULTIARCH := $(shell cc -print-multiarch 2>/dev/null)
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(if $(MULTIARCH),/$(MULTIARCH)))
INCLUDEDIR ?= $(PREFIX)/include
SASL1_INCLUDEDIR ?= $(INCLUDEDIR)/sasl1
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
CARGO ?= cargo

RELEASE := target/release
# Where programs find the library under the name that they ask for, before it is installed.
STAGE := target/lib
HEADERS := $(wildcard include/sasl/*.h)
SASL1_HEADERS := $(wildcard include/sasl1/*.h)
# The files that hold the libraries, which carry the numbers that libtool would give them.
LIBSASL2 := libsasl2.so.2.0.25
LIBSASL := libsasl.so.7.1.11
TOOLS := saslpasswd sasldblistusers saslpasswd2 sasldblistusers2 testsaslauthd saslmigrate sasldoctor
MANUALS := $(TOOLS:%=docs/man/%.8)

.PHONY: all tools install install-tools uninstall demo check fuzz soak coverage bench scale differential link-cc clean

all: tools
	$(CARGO) build --release --locked -p oxisasl-libsasl2 -p oxisasl-libsasl
	mkdir -p $(STAGE)
	cp $(RELEASE)/libsasl2.so $(STAGE)/libsasl2.so.2.new
	mv $(STAGE)/libsasl2.so.2.new $(STAGE)/libsasl2.so.2
	ln -sf libsasl2.so.2 $(STAGE)/libsasl2.so
	cp $(RELEASE)/libsasl2.a $(STAGE)/libsasl2.a
	cp $(RELEASE)/libsasl.so $(STAGE)/libsasl.so.7.new
	mv $(STAGE)/libsasl.so.7.new $(STAGE)/libsasl.so.7
	ln -sf libsasl.so.7 $(STAGE)/libsasl.so
	cp $(RELEASE)/libsasl.a $(STAGE)/libsasl.a

tools:
	$(CARGO) build --release --locked -p oxisasl-tools

install-tools: tools
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(addprefix $(RELEASE)/,$(TOOLS)) $(DESTDIR)$(SBINDIR)/
	install -m 644 $(MANUALS) $(DESTDIR)$(MANDIR)/man8/

install: all install-tools
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/sasl $(DESTDIR)$(SASL1_INCLUDEDIR)
	install -m 644 $(STAGE)/libsasl2.so.2 $(DESTDIR)$(LIBDIR)/$(LIBSASL2).new
	mv $(DESTDIR)$(LIBDIR)/$(LIBSASL2).new $(DESTDIR)$(LIBDIR)/$(LIBSASL2)
	ln -sf $(LIBSASL2) $(DESTDIR)$(LIBDIR)/libsasl2.so.2
	ln -sf libsasl2.so.2 $(DESTDIR)$(LIBDIR)/libsasl2.so
	install -m 644 $(STAGE)/libsasl2.a $(DESTDIR)$(LIBDIR)/libsasl2.a
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/sasl/
	install -m 644 $(STAGE)/libsasl.so.7 $(DESTDIR)$(LIBDIR)/$(LIBSASL).new
	mv $(DESTDIR)$(LIBDIR)/$(LIBSASL).new $(DESTDIR)$(LIBDIR)/$(LIBSASL)
	ln -sf $(LIBSASL) $(DESTDIR)$(LIBDIR)/libsasl.so.7
	ln -sf libsasl.so.7 $(DESTDIR)$(LIBDIR)/libsasl.so
	install -m 644 $(STAGE)/libsasl.a $(DESTDIR)$(LIBDIR)/libsasl.a
	install -m 644 $(SASL1_HEADERS) $(DESTDIR)$(SASL1_INCLUDEDIR)/
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' \
	    -e 's|@libs_private@|-lgcc_s -lc|' capi/libsasl2/libsasl2.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libsasl2.pc
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' -e 's|@includedir@|$(SASL1_INCLUDEDIR)|' \
	    -e 's|@libs_private@|-lgcc_s -lc|' capi/libsasl/libsasl.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libsasl.pc

uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libsasl2.so libsasl2.so.2 $(LIBSASL2) libsasl2.a pkgconfig/libsasl2.pc \
	        libsasl.so libsasl.so.7 $(LIBSASL) libsasl.a pkgconfig/libsasl.pc) \
	    $(addprefix $(DESTDIR)$(INCLUDEDIR)/sasl/,$(notdir $(HEADERS))) \
	    $(addprefix $(DESTDIR)$(SASL1_INCLUDEDIR)/,$(notdir $(SASL1_HEADERS))) \
	    $(addprefix $(DESTDIR)$(SBINDIR)/,$(TOOLS)) $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(MANUALS)))

demo:
	sh scripts/demo.sh

check:
	sh scripts/check.sh

ROUNDS ?= 9
bench: all
	OXISASL_RIG_LIBRARY=$(CURDIR)/$(STAGE) $(CARGO) bench --locked -p oxisasl --bench libraries -- \
	    --rounds $(ROUNDS) --docs $(CURDIR)/docs

USERS ?= 10000000
scale:
	$(CARGO) bench --locked -p oxisasl --bench scale -- --users $(USERS) --folder $(CURDIR)/target/scale --docs $(CURDIR)/docs

CASES ?= 100000
SEED ?= 1
differential: all
	OXISASL_RIG_LIBRARY=$(CURDIR)/$(STAGE) OXISASL_DIFFERENTIAL_CASES=$(CASES) OXISASL_DIFFERENTIAL_SEED=$(SEED) \
	    $(CARGO) test --locked --test differential -- --nocapture calls_from_seeds

fuzz:
	sh scripts/fuzz.sh $(FUZZ_TARGETS)

soak:
	sh scripts/soak.sh

coverage:
	sh scripts/coverage.sh

link-cc: all
	sh scripts/link-cc.sh

clean:
	$(CARGO) clean
