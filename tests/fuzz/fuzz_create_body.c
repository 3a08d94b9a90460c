/* SPDX-License-Identifier: Apache-2.0
 *
 * Create bodies: whatever passes the check must give an OCI configuration without a fault of ours.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/oci.h"
#include "format/js.h"
#include "spec/create_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	OWN_JSON body = NULL;
	OWN_JSON warnings = json_array();
	OWN_JSON config = NULL;
	struct create_host host = { .cpus = 4 };
	struct container c = CONTAINER_NULL;
	struct user_info user = { .home = "/" };
	struct err e = { 0 };

	if (js_parse((const char *)p, n, "body", &body, &e) < 0 ||
	    create_body_check(body, &host, warnings, &e) < 0)
		return 0;
	const char *word = "sh";
	c.record = json_pack("{ss s[] sO sO*}", "Path", word, "Args", "Config", body, "HostConfig",
			     json_object_get(body, "HostConfig"));
	struct oci_req q = { .c = &c, .dir = "/d", .run_dir = "/r", .files_dir = "/d", .user = &user, .hostname = "h" };
	if (!js_str(body, "HostConfig.SecurityOpt", NULL) && !json_array_size(js_at(body, "HostConfig.Devices")))
		(void)oci_config(&q, &config, &e);
	json_decref(c.record);
	return 0;
}
