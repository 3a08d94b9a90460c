# Forwards to ./dev, which needs nothing installed beforehand.
run test build bench fuzz style install:
	./dev $@
.PHONY: run test build bench fuzz style install
