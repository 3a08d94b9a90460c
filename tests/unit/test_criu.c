/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the messages of CRIU, the wire format below them, and mountinfo.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "format/protobuf.h"
#include "runtime/criu_rpc.h"
#include "sys/mountinfo.h"

static void wire_round_trip(void **unused)
{
	static const int64_t values[] = { 0, 1, 127, 128, 300, INT32_MAX, -1, INT64_MIN, INT64_MAX };
	OWN_BUF b = { 0 };
	struct protobuf_field f;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		protobuf_put_int(&b, (uint32_t)i + 1, values[i]);
	protobuf_put_bytes(&b, 1000, "text", 4);
	protobuf_put_bytes(&b, 1001, "", 0);
	struct protobuf_reader r = protobuf_read(b.p, b.n);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		assert_int_equal(protobuf_next(&r, &f), 1);
		assert_int_equal(f.number, i + 1);
		assert_int_equal((int64_t)f.value, values[i]);
	}
	assert_int_equal(protobuf_next(&r, &f), 1);
	assert_int_equal(f.wire, PROTOBUF_BYTES);
	assert_int_equal(f.n, 4);
	assert_memory_equal(f.p, "text", 4);
	assert_int_equal(protobuf_next(&r, &f), 1);
	assert_int_equal(f.n, 0);
	assert_int_equal(protobuf_next(&r, &f), 0);
}

static void wire_damaged(void **unused)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "\x08", 1 },                 /* a tag without a value */
		{ "\x00\x01", 2 },             /* number 0 */
		{ "\x0a\x05" "abc", 5 },       /* longer than what is there */
		{ "\x0b", 1 },                 /* a group */
		{ "\x0d\x01\x02\x03", 4 },     /* 32 bits cut */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 }, /* a varint without an end */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, /* 2^64 - 1 bytes */
	};
	struct protobuf_field f;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct protobuf_reader r = protobuf_read(rows[i].bytes, rows[i].n);
		assert_int_equal(protobuf_next(&r, &f), -EBADMSG);
	}
}

/* the value of a field in an encoded message; bytes come back by @ret_p */
static uint64_t find(const void *p, size_t n, uint32_t number, struct protobuf_field *ret)
{
	struct protobuf_reader r = protobuf_read(p, n);
	struct protobuf_field f;

	*ret = (struct protobuf_field){ 0 };
	while (protobuf_next(&r, &f) > 0)
		if (f.number == number) {
			*ret = f;
			return f.value;
		}
	return UINT64_MAX;
}

static void request(void **unused)
{
	OWN_CRIU_REQUEST q = CRIU_REQUEST_EMPTY;
	OWN_BUF b = { 0 };
	struct protobuf_field opts, f, inner;
	struct err e;

	(void)unused;
	q.type = CRIU_DUMP;
	q.has_options = true;
	q.images_fd = 4;
	q.pid = 4711;
	q.log_file = "dump.log";
	q.tcp_established = true;
	q.page_server = "::1";
	q.page_server_port = 2000;
	q.network_lock = CRIU_LOCK_NFTABLES;
	q.cgroup_mode = CRIU_CGROUP_STRICT;
	criu_add_mount(&q, "/data", "name");
	criu_add_external(&q, "net[1]:x");
	criu_add_fd(&q, "pipe:[7]", 2);
	assert_int_equal(criu_request_encode(&q, &b, &e), 0);
	assert_int_equal(find(b.p, b.n, 1, &f), CRIU_DUMP);
	(void)find(b.p, b.n, 2, &opts);
	assert_int_equal(find(opts.p, opts.n, 1, &f), 4);
	assert_int_equal(find(opts.p, opts.n, 2, &f), 4711);
	assert_int_equal(find(opts.p, opts.n, 5, &f), 1);
	assert_int_equal(find(opts.p, opts.n, 3, &f), UINT64_MAX); /* not asked for, not said */
	assert_int_equal(find(opts.p, opts.n, 17, &f), UINT64_MAX);
	assert_int_equal(find(opts.p, opts.n, 34, &f), CRIU_CGROUP_STRICT);
	assert_int_equal(find(opts.p, opts.n, 64, &f), CRIU_LOCK_NFTABLES);
	(void)find(opts.p, opts.n, 10, &f);
	assert_memory_equal(f.p, "dump.log", f.n);
	(void)find(opts.p, opts.n, 11, &f);
	assert_int_equal(find(f.p, f.n, 2, &inner), 2000);
	(void)find(opts.p, opts.n, 23, &f);
	(void)find(f.p, f.n, 2, &inner);
	assert_memory_equal(inner.p, "name", 4);
	(void)find(opts.p, opts.n, 27, &f);
	assert_int_equal(find(f.p, f.n, 2, &inner), 2);
}

static void response(void **unused)
{
	/* as CRIU 3.17 sent them */
	static const char version[] = "\x08\x0a\x10\x01\x52\x06\x08\x03\x10\x11\x20\x01";
	static const char failed[] = "\x08\x02\x10\x00\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	static const char notify[] = "\x08\x06\x10\x01\x2a\x08\x0a\x03" "abc" "\x10\x96\x01";
	struct criu_response r;
	struct err e;

	(void)unused;
	assert_int_equal(criu_response_decode(version, sizeof version - 1, &r, &e), 0);
	assert_true(r.success);
	assert_int_equal(r.version, 31701);
	assert_int_equal(criu_response_decode(failed, sizeof failed - 1, &r, &e), 0);
	assert_false(r.success);
	assert_int_equal(r.type, CRIU_RESTORE);
	assert_int_equal(r.pid, 0);
	assert_int_equal(criu_response_decode(notify, sizeof notify - 1, &r, &e), 0);
	assert_int_equal(r.type, CRIU_NOTIFY);
	assert_string_equal(r.script, "abc");
	assert_int_equal(r.pid, 150);
	/* what it answers to a request that it could not even begin with */
	assert_int_equal(criu_response_decode("\x08\x00\x10\x00", 4, &r, &e), 0);
	assert_false(r.success);
	assert_true(criu_response_decode("", 0, &r, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
	assert_true(criu_response_decode("\x10\x01", 2, &r, &e) < 0);
}

static void mountinfo(void **unused)
{
	char text[] = "36 35 98:0 /a\\040b /mnt/x\\134y rw,noatime master:1 - ext3 /dev/root rw\n"
		      "nonsense\n"
		      "1 2 3 4\n"
		      "40 36 0:5 / /dev rw - devtmpfs dev rw,size=1\n"
		      "41 36 0:6 / /cut rw shared:1 -";
	ARENA a = { 0 };
	struct mountinfo m;
	struct err e;

	(void)unused;
	assert_int_equal(mountinfo_parse(text, &a, &m, &e), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.v[0].id, 36);
	assert_int_equal(m.v[0].dev, makedev(98, 0));
	assert_string_equal(m.v[0].root, "/a b");
	assert_string_equal(m.v[0].point, "/mnt/x\\y");
	assert_string_equal(m.v[0].type, "ext3");
	assert_string_equal(m.v[1].point, "/dev");
	assert_string_equal(m.v[1].type, "devtmpfs");
	assert_int_equal(mountinfo_read(0, &a, &m, &e), 0);
	assert_true(m.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wire_round_trip), cmocka_unit_test(wire_damaged), cmocka_unit_test(request),
		cmocka_unit_test(response),	   cmocka_unit_test(mountinfo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
