/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire format of protocol buffers: see protobuf.h.
 */
#include "format/protobuf.h"

#include <errno.h>

enum { VARINT_BYTES = 10, WIRE_BITS = 3 };

static void put_varint(struct buf *b, uint64_t v)
{
	while (v > 0x7f) {
		buf_putc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_putc(b, (char)v);
}

void protobuf_put_int(struct buf *b, uint32_t number, int64_t value)
{
	put_varint(b, (uint64_t)number << WIRE_BITS | PROTOBUF_VARINT);
	put_varint(b, (uint64_t)value);
}

void protobuf_put_bytes(struct buf *b, uint32_t number, const void *p, size_t n)
{
	put_varint(b, (uint64_t)number << WIRE_BITS | PROTOBUF_BYTES);
	put_varint(b, n);
	buf_add(b, p, n);
}

struct protobuf_reader protobuf_read(const void *p, size_t n)
{
	const uint8_t *bytes = p;
	return (struct protobuf_reader){ bytes, bytes + n };
}

static int get_varint(struct protobuf_reader *r, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_BYTES && r->p < r->end; i++) {
		const uint8_t byte = *r->p++;
		v |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int get_run(struct protobuf_reader *r, uint64_t n, struct protobuf_field *f)
{
	if (n > (uint64_t)(r->end - r->p))
		return -EBADMSG;
	f->p = r->p;
	f->n = (size_t)n;
	r->p += n;
	return 1;
}

int protobuf_next(struct protobuf_reader *r, struct protobuf_field *ret)
{
	uint64_t tag, n;
	struct protobuf_field f = { 0 };

	if (r->p == r->end)
		return 0;
	if (get_varint(r, &tag) < 0 || tag >> WIRE_BITS == 0 || tag >> WIRE_BITS > 0x1fffffff)
		return -EBADMSG;
	f.number = (uint32_t)(tag >> WIRE_BITS);
	f.wire = (enum protobuf_wire)(tag & 7);
	int rc = 1;
	switch ((unsigned)(tag & 7)) {
	case PROTOBUF_VARINT:
		rc = get_varint(r, &f.value) < 0 ? -EBADMSG : 1;
		break;
	case PROTOBUF_BYTES:
		rc = get_varint(r, &n) < 0 ? -EBADMSG : get_run(r, n, &f);
		break;
	case PROTOBUF_FIXED64:
		rc = get_run(r, 8, &f);
		break;
	case PROTOBUF_FIXED32:
		rc = get_run(r, 4, &f);
		break;
	default: /* groups were given up before proto2 */
		rc = -EBADMSG;
	}
	if (rc == 1)
		*ret = f;
	return rc;
}
