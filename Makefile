# make            builds libsasl2.so.2, libsasl2.a and the pkg-config file
# make install    installs them with the headers: PREFIX=/usr/local LIBDIR=... DESTDIR=...
# make demo       shows stock Sendmail authenticating on this library
# make check      everything that CI runs
# make link-cc    links the shared library with the C compiler, where lld is not to be had

PREFIX ?= /usr/local
MULTIARCH := $(shell cc -print-multiarch 2>/dev/null)
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(if $(MULTIARCH),/$(MULTIARCH)))
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
CARGO ?= cargo

RELEASE := target/release
# Where programs find the library under the name that they ask for, before it is installed.
STAGE := target/lib
HEADERS := $(wildcard include/sasl/*.h)

.PHONY: all install uninstall demo check link-cc clean

all:
	$(CARGO) build --release --locked -p oxisasl-libsasl2
	mkdir -p $(STAGE)
	cp $(RELEASE)/libsasl2.so $(STAGE)/libsasl2.so.2.new
	mv $(STAGE)/libsasl2.so.2.new $(STAGE)/libsasl2.so.2
	ln -sf libsasl2.so.2 $(STAGE)/libsasl2.so
	cp $(RELEASE)/libsasl2.a $(STAGE)/libsasl2.a

install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/sasl
	install -m 644 $(STAGE)/libsasl2.so.2 $(DESTDIR)$(LIBDIR)/libsasl2.so.2.0.25.new
	mv $(DESTDIR)$(LIBDIR)/libsasl2.so.2.0.25.new $(DESTDIR)$(LIBDIR)/libsasl2.so.2.0.25
	ln -sf libsasl2.so.2.0.25 $(DESTDIR)$(LIBDIR)/libsasl2.so.2
	ln -sf libsasl2.so.2 $(DESTDIR)$(LIBDIR)/libsasl2.so
	install -m 644 $(STAGE)/libsasl2.a $(DESTDIR)$(LIBDIR)/libsasl2.a
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/sasl/
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(LIBDIR)|' -e 's|@includedir@|$(INCLUDEDIR)|' \
	    -e 's|@libs_private@|-lgcc_s -lc|' capi/libsasl2/libsasl2.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libsasl2.pc

uninstall:
	rm -f $(DESTDIR)$(LIBDIR)/libsasl2.so $(DESTDIR)$(LIBDIR)/libsasl2.so.2 $(DESTDIR)$(LIBDIR)/libsasl2.so.2.0.25 \
	    $(DESTDIR)$(LIBDIR)/libsasl2.a $(DESTDIR)$(LIBDIR)/pkgconfig/libsasl2.pc \
	    $(addprefix $(DESTDIR)$(INCLUDEDIR)/sasl/,$(notdir $(HEADERS)))

demo:
	sh scripts/demo.sh

check:
	sh scripts/check.sh

link-cc: all
	sh scripts/link-cc.sh

clean:
	$(CARGO) clean
