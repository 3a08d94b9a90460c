/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage: layers, which are the same for all drivers, and the table of drivers, each of which
 * composes containers over them its own way. A driver returns a mount plan (data) and never mounts.
 */
#ifndef ONGGI_DRIVER_STORAGE_STORAGE_H
#define ONGGI_DRIVER_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "spec/mount_plan.h"
#include "store/store.h"

enum { STORAGE_PATH_MAX = 160 };

struct storage_layer {
	uint64_t size_bytes; /* of the files in it */
	bool root_opaque;    /* hides everything below */
	const char *loose;   /* what can be settled only above its parents, see store/snapshot.h */
	size_t loose_bytes;
};

enum storage_plan_flags {
	STORAGE_PLAN_READ_ONLY = 1,
	STORAGE_PLAN_VOLATILE = 2, /* what is written need not survive a power cut: no sync at unmount */
	STORAGE_PLAN_LOOK = 4,     /* only to be looked at: nothing is started for it */
	STORAGE_PLAN_REDIRECT = 8, /* of overlay mounts: redirect_dir=on */
	STORAGE_PLAN_METACOPY = 16, /* and metacopy=on, which goes with the other */
};

/* Directories of an image's layers, topmost first, down to one that hides all below. */
struct storage_lowers {
	const char **dirs;
	size_t n;
};

/* File that fuse-overlayfs leaves in an opaque directory, beside the attribute; no name for a file of an
 * image (image-spec, "Opaque Whiteout"). */
#define STORAGE_OPAQUE_MARK ".wh..wh..opq"

/* What a container changed: a directory in overlay's form, with character devices 0:0 where
 * something of the image is gone. Ended with storage_changes_done(). */
struct storage_changes {
	int fd;        /* for reading; owned */
	char key[64];  /* of the temporary folder that it lies in; "": the writable layer itself */
};

/* is given one line of a driver's status at a time; both are borrowed */
typedef void (*storage_say_fn)(void *data, const char *key, const char *value);

/* A driver composes the root of a container over layers that all drivers share. One that onggi does not have
 * bears only a probe that says so. */
struct storage_ops {
	const char *name;
	enum store_form form; /* of the layers that it needs */
	bool copies; /* a container has a copy of its image: it starts without the layers */
	unsigned chosen; /* flags of plan() that --storage-opt may set */
	/* whether it works on the file system below the store; the error names the missing feature */
	int (*probe)(const struct store *s, struct err *e);
	/* make the writable layer of container @id over @chain (lowest first). Killed in between,
	 * remove() takes what is there. */
	int (*prepare)(const struct store *s, const char *id, const char *const *chain, size_t n_chain,
		       struct err *e);
	/* its root as data; may be called again at each start. */
	int (*plan)(const struct store *s, const char *id, const char *const *chain, size_t n_chain,
		    unsigned flags, struct arena *a, struct mount_plan *ret, struct err *e);
	int (*remove)(const struct store *s, const char *id, struct err *e);
	/* directories that show the image's files, for who looks at them from outside of the container */
	int (*lowers)(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct arena *a,
		      struct storage_lowers *ret, struct err *e);
	int (*changes)(const struct store *s, const char *id, const struct storage_lowers *lowers,
		       struct storage_changes *ret, struct err *e);
	/* bytes of the files that the container made or changed */
	uint64_t (*bytes)(const struct storage_ops *ops, const struct store *s, const char *id,
			  const struct storage_lowers *lowers);
	/* NULL, or: let go of what was made for images that are gone now */
	void (*images_gone)(const struct store *s);
	/* NULL, or: what "info" shows of it */
	void (*status)(const struct store *s, unsigned flags, storage_say_fn say, void *data);
};

/** storage_layer_begin - a directory descriptor to unpack layer @chain_id into (as overlay
 * whiteouts); invisible until storage_layer_commit. storage_layer_abort drops it. @key identifies
 * this attempt. The descriptor holds the lock that protects the attempt from being swept: close it
 * last. */
int storage_layer_begin(const struct store *s, const char *chain_id, char key[64], int *ret_dirfd, struct err *e);
/** storage_layer_commit - make it visible, in the form that the store has now (s->form): diff/, or the
 * file "tar" beside diff/, which is empty then. An existing one of the same name and form is kept and this
 * attempt dropped; one that has only the other form gets this one too. */
int storage_layer_commit(const struct store *s, const char *chain_id, const char *key,
			 const struct storage_layer *info, struct err *e);
void storage_layer_abort(const struct store *s, const char *key);
/** storage_temp_begin - the same folder (tmp/layer-KEY/, @ret_dirfd its diff/) for other work; what is
 * left of it after a kill is swept. Ended with storage_layer_abort. */
int storage_temp_begin(const struct store *s, char key[64], int *ret_dirfd, struct err *e);
/** storage_lowers - the verb of drivers over unpacked layers: their directories. E_CORRUPT for a bad chain
 * ID. */
int storage_lowers(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct arena *a,
		   struct storage_lowers *ret, struct err *e);
/** storage_layer_tar - make the file "tar" of attempt @key, for writing and reading. */
int storage_layer_tar(const struct store *s, const char *key, int *ret_fd, struct err *e);
/** storage_layer_tar_is - let it be the open blob @xblob: the same file where the file system can. */
int storage_layer_tar_is(const struct store *s, const char *key, int xblob, struct err *e);
/** storage_changes_done - close it and drop what was made for it. */
void storage_changes_done(const struct store *s, struct storage_changes *c);
/** storage_changes_merged - changes() of an overlay that was mounted with STORAGE_PLAN_REDIRECT: what it keeps is no
 * difference by itself. @tree: a directory that shows all of the container, open for reading. */
int storage_changes_merged(const struct store *s, const char *id, int tree, const struct storage_lowers *lowers,
			   struct storage_changes *ret, struct err *e);
/** storage_changes_bytes - of the files in @c, which has a temporary folder and is done with then. */
uint64_t storage_changes_bytes(const struct store *s, struct storage_changes *c);
/** storage_rw_path - "containers/ID/rw" and @what ("" or "/name"); E_INVALID for a bad ID. */
int storage_rw_path(const char *id, const char *what, char out[STORAGE_PATH_MAX], struct err *e);
/** storage_tree_bytes - bytes of the files in directory @name below @xdir, 0 when there is none. A file of several
 * names counts once. */
uint64_t storage_tree_bytes(int xdir, const char *name);

/* Files of several names that were counted. A zeroed one is empty. */
struct storage_seen {
	struct storage_inode {
		uint64_t dev, ino;
	} *slots;
	size_t n, size;
};
void storage_seen_done(struct storage_seen *seen);
#define OWN_STORAGE_SEEN CLEANUP(storage_seen_done) struct storage_seen

struct storage_usage {
	uint64_t bytes;      /* of files and links */
	uint64_t disk_bytes; /* blocks of all that is there, as du counts them */
};
/** storage_usage_add - add what @name below @xdir takes, a directory with all in it that is not mounted there. */
void storage_usage_add(int xdir, const char *name, struct storage_seen *seen, struct storage_usage *sum);

extern const struct storage_ops storage_overlay, storage_vfs, storage_btrfs, storage_fuse, storage_devicemapper,
	storage_erofs, storage_composefs, storage_zfs, storage_aufs;
/** storage_images_gone - after images were removed, whatever driver is the chosen one. */
void storage_images_gone(const struct store *s);
/** storage_open - set the form of @s for driver @name (NULL or "": overlay), where it can run. */
int storage_open(struct store *s, const char *name, struct err *e);
/** storage_by_name - driver from the table; E_UNSUPPORTED lists the known ones, or says why there is none of it. */
int storage_by_name(const struct store *s, const char *name, const struct storage_ops **ret, struct err *e);
/** storage_probe - whether @ops works here; the hint of the error names drivers that do. */
int storage_probe(const struct store *s, const struct storage_ops *ops, struct err *e);
/** storage_survey - name of driver number @i, NULL after the last. @ret_why is empty when it works here. */
const char *storage_survey(const struct store *s, size_t i, struct err *ret_why);
/** storage_status - tell @say, line by line, how driver @ops stands on this host. @flags: of plan(), with which containers are
 * made that choose none. */
void storage_status(const struct store *s, const struct storage_ops *ops, unsigned flags, storage_say_fn say, void *data);
/** storage_kernel_lists - 1 when /proc/filesystems has @fstype, 0 when not (a module may be missing). */
int storage_kernel_lists(const char *fstype, struct err *e);
/** storage_in_userns - whether this process cannot use trusted.* attributes, so that whiteouts and
 * opaque directories take the user.* form and overlay the option userxattr. */
bool storage_in_userns(void);
/** storage_layer_size - unpacked size of a committed layer in bytes, -ENOENT otherwise. */
int64_t storage_layer_size(const struct store *s, const char *chain_id);
/** storage_layer_exists - whether the chain ID is committed in the form that the store has now. */
bool storage_layer_exists(const struct store *s, const char *chain_id);

#endif
