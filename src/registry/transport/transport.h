/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports: the kinds of places where an image may lie, by the names that skopeo gives them.
 *
 *   docker://NAME[:TAG|@DIGEST]        a registry; so is a name without any transport
 *   oci:DIR[:REF|:@N]                  OCI image layout, many images in one folder
 *   oci-archive:FILE[:REF|:@N]         such a layout in a tar
 *   docker-archive:FILE[:NAME:TAG|:@N] what docker save writes: layers plain, no manifests
 *   dir:DIR                            one image as plain files
 *
 * Each is a table of verbs in a file of its own. A target shows nothing of a copy before finish(): until
 * then it has blobs at most, which are named by their digests.
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_H
#define ONGGI_REGISTRY_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "registry/client.h"
#include "registry/config.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/store.h"

/* What readers of a target know. */
enum place_form {
	PLACE_ANY,
	PLACE_OCI,
	PLACE_DOCKER,
	PLACE_PLAIN, /* docker's, whose plain layers are called so: skopeo calls them gzip in the manifests that it makes */
	PLACE_FORM_N
};

/* What is to be opened. All borrowed, until close. */
struct place_req {
	const char *where;   /* behind "NAME:" */
	bool path_only;      /* @where is a path to its end, without a name of an image behind it */
	int at;              /* with path_only, source: the n-th image from 1 on; 0: the only one */
	const struct store *store; /* where a place is the local store */
	const char *platform;      /* source, of a store: the image must be for it; NULL: any */
	bool target;         /* to be written; else to be read */
	bool repository;     /* all tags of a repository, no single image */
	enum place_form form; /* source: of a manifest that it has to make */
	bool replace;        /* target: a file that is there is no reason to refuse */
	bool keep_names;     /* target: the image also keeps the name that it has at the source */
	bool compress;       /* source, of a store: layers that are plain there become gzip ones */
	bool preserve;       /* target: refuse to name anything but the manifest that comes */
	const struct reference *source; /* target: name of the image at the source, domain "" when it has none */
	const struct place *from;       /* target: the source, open; borrowed as all */
	const struct registry_config *config;
	const atomic_bool *cancel;
};

struct transport;

/* A place that is open. */
struct place {
	const struct transport *kind;
	void *state;
	struct reference ref; /* name of the image there, domain "" when it has none */
	json_t *names;        /* source: canonical names that the image has in a store when it is pulled from here; NULL:
				 none. Owned. */
	char digest[DIGEST_TEXT_MAX]; /* target: of the manifest that it gives the image; "": the one that came */
};

struct place_blob {
	const char *digest; /* valid */
	int64_t size;
	bool config; /* not a layer */
};

/* A blob to be written: @fd has exactly its bytes from offset 0 on, verified. */
struct place_put {
	struct place_blob blob;
	int fd;
	void (*sent)(void *data, int64_t n_bytes);
	void *data;
	const struct registry_retry *retry;
};

/* What an errorless verb returns is 0 unless said otherwise. @h: the thread's connection, only where the
 * transport is online. Blob verbs are called by many threads. */
struct transport {
	const char *name;
	bool online;  /* its verbs need a connection (@h) */
	enum place_form form; /* of the manifests that its readers know */
	bool schema1; /* a target that takes manifests of schema 1 as they are, at least some do */
	bool single;  /* it has images, no indexes */
	bool ordered; /* a target that is one stream: blobs come in the order of the manifest, so that the same image
			 gives the same bytes */
	int (*open)(struct place *p, const struct place_req *q, struct err *e);
	/** as a source; @digest NULL: what the place names. Bytes of a @digest are verified. */
	int (*manifest_get)(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			    struct err *e);
	/** exactly blob->size bytes into @sink, whose owner verifies them */
	int (*blob_get)(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			const struct registry_retry *retry, struct err *e);
	/** bytes of a blob, which a manifest of schema 1 does not say. NULL: the place has no such manifests */
	int (*blob_size)(struct place *p, struct http *h, const char *digest, int64_t *ret, struct err *e);
	/** as a target; 1: there and good | 0: not */
	int (*manifest_has)(struct place *p, struct http *h, const char *digest, struct err *e);
	int (*blob_has)(struct place *p, struct http *h, const struct place_blob *blob, struct err *e);
	int (*blob_put)(struct place *p, struct http *h, struct place_put *put, struct err *e);
	/** @top: this is what the place is to name; all that the manifest names was put before */
	int (*manifest_put)(struct place *p, struct http *h, const struct registry_manifest *m, bool top,
			    struct err *e);
	/** the copy is whole: show it. NULL: manifest_put of the top has */
	int (*finish)(struct place *p, struct err *e);
	/** target: the next image gets the name @canonical; NULL: the place has no names */
	int (*image_name)(struct place *p, const char *canonical, struct err *e);
	/** a target that was not finished is left as it was before */
	void (*close)(struct place *p);
	/* where there is more than one image; NULL elsewhere */
	int (*tags)(struct place *p, struct http *h, char ***ret, size_t *ret_n, struct err *e);
	int (*referrers)(struct place *p, struct http *h, const char *digest, json_t **ret, struct err *e);
	/** 1: taken over from @from, a place of the same transport | 0: it must be sent */
	int (*blob_mount)(struct place *p, struct http *h, const struct place_blob *blob, const struct place *from,
			  struct err *e);
};

extern const struct transport transport_dir, transport_docker, transport_docker_archive, transport_oci,
	transport_oci_archive, transport_store, transport_list;

/** transport_find - the transport that @text begins with; *ret_where: what follows. A text that begins with
 * the name of none is a reference of docker://. E_USAGE for names that skopeo knows and onggi does not. */
int transport_find(const char *text, const struct transport **ret, const char **ret_where, struct err *e);
/** transport_of - by its name; "store" is the local store, whose places are names of images, "list" its lists in the
 * making, by canonical name. */
const struct transport *transport_of(const char *name);
/** transport_is_named - whether @text begins with the name of a transport of ours. */
bool transport_is_named(const char *text);

/** place_form_parse - "oci" or "v2s2", skopeo's words. E_UNSUPPORTED: "v2s1", which is read only | E_USAGE. */
int place_form_parse(const char *s, enum place_form *ret, struct err *e);
/** place_add_name - add to p->names; a name that is none is left out. */
int place_add_name(struct place *p, const char *name, struct err *e);
/** place_add_local_name - the same for podman's short names: what names no registry is below localhost/. */
int place_add_local_name(struct place *p, const char *name, struct err *e);
/** place_open - p->kind and q->where are set; close with place_close, also after an error. */
int place_open(struct place *p, const struct place_req *q, struct err *e);
void place_close(struct place *p);

#endif
