/* SPDX-License-Identifier: Apache-2.0
 *
 * What the flags of one command say about one registry, over what is configured.
 */
#ifndef ONGGI_REGISTRY_ACCESS_H
#define ONGGI_REGISTRY_ACCESS_H

#include <stdbool.h>

enum access_tls {
	ACCESS_TLS_CONFIGURED,
	ACCESS_TLS_VERIFY, /* only a certificate that is known, whatever is configured; also on loopback */
	ACCESS_TLS_ANY,    /* any certificate, and plain http */
};

/* All zero: as configured. Strings are borrowed. */
struct registry_access {
	const char *user, *password; /* NULL: looked up */
	bool anonymous;              /* look nothing up */
	const char *authfile;        /* the only place to look up; NULL: all of credential.h */
	const char *cert_dir;        /* X.crt, X.cert, X.key; NULL: certs.d */
	enum access_tls tls;
	bool given;                  /* something here was said of this one registry */
	unsigned attempts;           /* of one exchange; 0: as configured */
	unsigned retry_delay_ms;     /* before the second attempt; 0: as configured */
};

#endif
