/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire format of protocol buffers, as far as proto2 messages of scalars, strings and nested
 * messages need it: a writer on top of struct buf, and a reader that walks the fields of a message
 * without copying. What a field means is for the caller; unknown ones are skipped by not looking.
 *
 *   message := { tag value }     tag := varint(number << 3 | wire type)
 */
#ifndef ONGGI_FORMAT_PROTOBUF_H
#define ONGGI_FORMAT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum protobuf_wire {
	PROTOBUF_VARINT = 0, /* int32, uint32, bool, enum: protobuf_field.value */
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_BYTES = 2,  /* string, bytes, message: .p and .n */
	PROTOBUF_FIXED32 = 5,
};

struct protobuf_field {
	uint32_t number;
	enum protobuf_wire wire;
	uint64_t value;
	const uint8_t *p; /* into the message that is read */
	size_t n;
};

struct protobuf_reader {
	const uint8_t *p, *end;
};

/** protobuf_put_int - a field of a scalar type; negative numbers are sign-extended to 64 bits, as
 * int32 asks for. A lack of memory sticks to @b. */
void protobuf_put_int(struct buf *b, uint32_t number, int64_t value);
/** protobuf_put_bytes - a string, or the @n bytes of an encoded message. */
void protobuf_put_bytes(struct buf *b, uint32_t number, const void *p, size_t n);

/** protobuf_read - begin to walk the @n bytes at @p, which must outlive the reader. */
struct protobuf_reader protobuf_read(const void *p, size_t n);
/** protobuf_next - the next field into @ret. 1; 0 at the end; -EBADMSG when this is no message:
 * number 0, groups, a length or varint beyond the end. */
int protobuf_next(struct protobuf_reader *r, struct protobuf_field *ret);

#endif
