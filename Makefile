# make run     build, create ./data with a certificate and two demo accounts, start the server, say what to try
# make test    everything: gofmt, vet, staticcheck, all tests with real clients and servers (installed by apt-get), race tests
# make check   the fast part, for before a commit
# make fuzz    every fuzz target for a minute (FUZZTIME=60s), two at a time
# make bench   our own benchmarks, with allocations
# make docs    what is generated: man pages, the table of RFCs in the README

GO      ?= go
DATA    ?= data
STATIC  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
export CGO_ENABLED := 0

# Debian packages that the tests with real clients need.
PEERS   := isync curl mutt neomutt fetchmail swaks postfix python3 openssl \
           offlineimap3 libmail-imapclient-perl cyrus-admin libsasl2-modules \
           snmpd snmp snmptrapd smitools spin \
           cyrus-common sasl2-bin gcc libc6-dev
# And those that conflict with other servers of a developer's machine: unpacked into bin/peers rather than installed.
UNPACK  := cyrus-imapd cyrus-pop3d cyrus-replication
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Packages with goroutines that share something, for the race detector (which needs cgo and a C compiler).
RACE    := $(addprefix ./internal/,admin auth cert conn deliver imapd limit lmtpd master/... notify search service store/... wait)

.PHONY: all build run test check fuzz bench docs vet fmt staticcheck peers race clean

all: build

build:
	$(GO) build -trimpath -o bin/constance ./cmd/constance

run: build
	./bin/constance serve --data $(DATA) --demo

test: fmt vet staticcheck peers
	CONSTANCE_REQUIRE_PEERS=1 $(GO) test -count=1 -timeout 15m ./...
	$(MAKE) race

check: fmt vet staticcheck
	$(GO) test ./...

fmt:
	@out=$$(gofmt -l cmd internal); if [ -n "$$out" ]; then echo "not formatted by gofmt:"; echo "$$out"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATIC) ./...

race:
	CGO_ENABLED=1 $(GO) test -race -short -timeout 10m $(RACE)

# The packages are installed without their services being started: postfix and cyrus run as instances of the tests' own.
peers:
	@missing=$$(for p in $(PEERS); do dpkg -s $$p 2>/dev/null | grep -q '^Status: install ok installed' || echo $$p; done); \
	unpack=$$(for p in $(UNPACK); do [ -d bin/peers/usr/share/doc/$$p ] || echo $$p; done); \
	if [ -n "$$missing$$unpack" ]; then \
	  echo "installing" $$missing $$unpack; \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi && \
	for p in $$unpack; do \
	  dir=$$(mktemp -d) && (cd $$dir && apt-get download -qq $$p >/dev/null) && mkdir -p bin/peers && \
	  dpkg-deb -x $$dir/*.deb bin/peers && rm -rf $$dir || exit 1; \
	done

fuzz:
	.ci/fuzz

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...

docs:
	$(GO) run ./cmd/constance docs docs/man
	$(GO) test ./internal/arch -run TestReadmeTable -update

clean:
	rm -rf bin
