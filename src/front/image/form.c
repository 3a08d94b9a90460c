/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image form ROOT RUN DRIVER IMAGE-ID: the layers of an image in the form that a storage driver
 * needs. Run by the engine before a container is made over layers that came with another driver.
 */
#include <stdio.h>

#include "driver/storage/storage.h"
#include "front/image/verb.h"
#include "registry/form.h"

int verb_form(const struct image_call *call)
{
	char **arg = call->argv;
	struct err e = { 0 };
	struct store store;

	if (store_open(arg[0], arg[1], &store, &e) < 0)
		return image_fail(&e);
	int r = storage_open(&store, arg[2], &e);
	if (r == 0)
		r = form_make(&store, arg[3], &e);
	store_close(&store);
	return r < 0 ? image_fail(&e) : 0;
}
