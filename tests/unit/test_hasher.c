/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of engine/hasher: the digest of a file that is being written, with and without its process.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/own.h"
#include "engine/hasher.h"

enum { PIECE = 300000, PIECES = 20 };

/* the file written, the digest of what was written in @want; the process killed after piece @kill_at */
static int write_all(struct hasher *h, FILE *f, int kill_at, char want[HASH_TEXT_MAX])
{
	unsigned char piece[PIECE];
	struct hash direct;

	hash_init(&direct, HASH_SHA256);
	hasher_start(h, fileno(f));
	for (int i = 0; i < PIECES; i++) {
		memset(piece, i + 1, sizeof piece);
		assert_int_equal(fwrite(piece, 1, PIECE, f), PIECE);
		assert_int_equal(fflush(f), 0);
		hash_add(&direct, piece, PIECE);
		hasher_grown(h, (uint64_t)(i + 1) * PIECE);
		if (i == kill_at)
			assert_int_equal(kill(h->pid, SIGKILL), 0);
	}
	hash_text(&direct, want);
	return 0;
}

static void digest_of_a_growing_file(void **state)
{
	(void)state;
	for (int kill_at = -1; kill_at < PIECES; kill_at += PIECES / 2) {
		char want[HASH_TEXT_MAX], got[HASH_TEXT_MAX];
		struct hasher h;
		struct hash hash;
		struct err e = { 0 };
		FILE *f = tmpfile();

		assert_non_null(f);
		write_all(&h, f, kill_at, want);
		assert_int_equal(hasher_end(&h, (uint64_t)PIECE * PIECES, &hash, &e), 0);
		hash_text(&hash, got);
		assert_string_equal(got, want);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
		fclose(f);
	}
}

static void a_file_that_is_too_short(void **state)
{
	char want[HASH_TEXT_MAX];
	struct hasher h;
	struct hash hash;
	struct err e = { 0 };
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	write_all(&h, f, -1, want);
	assert_true(hasher_end(&h, (uint64_t)PIECE * PIECES + 1, &hash, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	write_all(&h, f, -1, want);
	hasher_abort(&h);
	hasher_abort(&h);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_of_a_growing_file),
		cmocka_unit_test(a_file_that_is_too_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
