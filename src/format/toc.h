/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of contents of layers: where in the compressed blob the bytes of each file are, with the digest of
 * each piece. Two forms, both ordinary compressed archives to whoever knows nothing of it:
 *
 *   estargz       | gzip members: headers, a file, headers, a file ... | member: tar of stargz.index.json | footer |
 *   zstd:chunked  | zstd frames: headers, a chunk, a chunk, headers ...  | skippable frames: table, tar-split, footer |
 *
 * [containerd/stargz-snapshotter docs/estargz.md; containers/storage pkg/chunked]
 *
 * Pure parsing: whoever calls reads the ranges. The way is toc_annotated() and/or toc_locate(), then the bytes
 * of the place that they tell, toc_unpack(), toc_parse(). What a table says is not to be trusted beyond what
 * checked it: its own digest, when a manifest names one, and the digests of the chunks.
 */
#ifndef ONGGI_FORMAT_TOC_H
#define ONGGI_FORMAT_TOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/hash.h"
#include "format/json.h"

enum {
	TOC_POSITION_MAX = 100,       /* text of TOC_NOTE_ZSTD_POSITION, with its NUL */
	TOC_TAIL_BYTES = 72,          /* of the end of a blob, what toc_locate() needs */
	TOC_PACKED_MAX = 64 << 20,    /* the table as it is in the blob */
	TOC_BYTES_MAX = 64 << 20,     /* its text */
	TOC_ENTRIES_MAX = 1 << 20,    /* with the chunks */
	TOC_NAME_MAX = 64 << 10,      /* one name or link */
	TOC_XATTRS_MAX = 256,         /* of one entry, as of tar */
	TOC_XATTR_BYTES_MAX = 64 << 10, /* one value, XATTR_SIZE_MAX */
};
#define TOC_FILE_BYTES_MAX (1ULL << 46) /* one file */

/* annotations of a layer's descriptor */
#define TOC_NOTE_ESTARGZ_DIGEST "containerd.io/snapshot/stargz/toc.digest"
#define TOC_NOTE_ZSTD_DIGEST    "io.github.containers.zstd-chunked.manifest-checksum"
#define TOC_NOTE_ZSTD_POSITION  "io.github.containers.zstd-chunked.manifest-position" /* OFFSET:LENGTH:UNPACKED:1 */
#define TOC_NOTE_ZSTD_SPLIT     "io.github.containers.zstd-chunked.tarsplit-position"

enum toc_kind {
	TOC_ESTARGZ,
	TOC_ZSTD_CHUNKED,
	TOC_KIND_N
};

/* Where the table of a blob is. */
struct toc_place {
	enum toc_kind kind;
	uint64_t offset, length;        /* of its bytes in the blob; length 0: known only from the tail */
	uint64_t unpacked;              /* length of the text, 0: not known */
	uint64_t end;                   /* contents end here: no chunk reaches beyond */
	char digest[HASH_TEXT_MAX];     /* zstd:chunked: of the bytes in the blob, estargz: of the text; "": none known */
};

struct toc_xattr {
	const char *name;
	const unsigned char *value; /* any bytes */
	size_t n;
};

/* Part of a file. */
struct toc_chunk {
	uint64_t offset;       /* in the blob: a gzip member or a zstd frame begins here */
	uint64_t packed;       /* bytes from there on. estargz: up to the next member of a file, so headers of the
				* archive may follow; read on until the bytes of the chunk have come */
	uint64_t inner;        /* bytes to leave out of what comes out there (estargz with several files in a member) */
	uint64_t file_offset;
	uint64_t size;         /* > 0 */
	bool has_digest;
	unsigned char sha256[32]; /* of the chunk, unpacked */
};

enum toc_type {
	TOC_FILE,
	TOC_DIR,
	TOC_SYMLINK,
	TOC_HARDLINK,
	TOC_CHAR,
	TOC_BLOCK,
	TOC_FIFO,
	TOC_TYPE_N
};

/* One member of the archive, in the archive's order. Names are as in the archive: "./a", "a/", "/a", "../a" are all
 * possible, a folder "" is the root, and whiteouts are files; what they mean is decided by whoever applies them
 * (store/layer_name.h). JSON knows no bytes that are not UTF-8: such a name has U+FFFD in their place. */
struct toc_entry {
	const char *name;
	const char *link;     /* "" but for links */
	enum toc_type type;
	uint16_t mode;        /* 07777 */
	uint32_t uid, gid;
	int64_t mtime_ns;     /* since 1970; 0 when the table has none */
	uint64_t size;        /* of files */
	uint32_t dev_major, dev_minor;
	const struct toc_xattr *xattrs;
	uint32_t n_xattrs;
	bool has_digest;
	unsigned char sha256[32]; /* of the whole file */
	const struct toc_chunk *chunks; /* cover the file without gaps; none of an empty one */
	uint32_t n_chunks;
};

struct toc {
	struct arena arena;
	enum toc_kind kind;
	const struct toc_entry *entries;
	size_t n_entries;
	const struct toc_chunk *chunks; /* of all entries, by entry and offset in the file */
	size_t n_chunks;
	uint64_t end; /* as of its place */
};

/** toc_kind_name - "estargz", "zstd:chunked". */
const char *toc_kind_name(enum toc_kind k);
/** toc_annotated - what the @annotations (object, NULL is fine) of a layer of @size bytes say: kind and digest, and for
 * zstd:chunked the place; estargz needs toc_locate() after it. 1; 0 no table; E_CORRUPT. */
int toc_annotated(const json_t *annotations, uint64_t size, struct toc_place *ret, struct err *e);
/** toc_locate - by the last @n bytes of a blob of @size (TOC_TAIL_BYTES, or the whole of a smaller one). A digest that
 * toc_annotated() has put into @p stays; a zero @p is fine. 1; 0 no footer of a table; E_CORRUPT: a place outside of
 * the blob, or another kind than @p says while it has a digest. */
int toc_locate(const void *tail, size_t n, uint64_t size, struct toc_place *p, struct err *e);
/** toc_unpack - text of the table from the p->length bytes at p->offset: E_CORRUPT unless the digest, when one is
 * known, and the length are right. Caller frees *ret_text. Needs libraries: compiled into onggi-image only. */
int toc_unpack(const struct toc_place *p, const void *packed, char **ret_text, size_t *ret_n, struct err *e);
/** toc_parse - E_CORRUPT for what is no table: unknown types, digests, sizes or names beyond the limits, chunks that
 * leave gaps in their file, overlap or lie outside of the blob's contents. */
int toc_parse(const struct toc_place *p, const char *text, size_t n, struct toc *ret, struct err *e);
void toc_done(struct toc *t);

#define OWN_TOC CLEANUP(toc_done) struct toc

#endif
