/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows on images that need no registry and no archive: list, inspect, history, tag, remove,
 * prune. Replies have the shapes of docker's REST API.
 */
#ifndef ONGGI_ENGINE_IMAGE_H
#define ONGGI_ENGINE_IMAGE_H

#include <stdbool.h>

#include "base/err.h"
#include "engine/engine.h"
#include "format/json.h"
#include "spec/digest.h"

struct engine_image_list {
	bool all;
	bool shared_size;      /* count what each shares with others, else -1 */
	const char *name;      /* repository or repository:tag pattern; NULL: any */
	const json_t *filters; /* before, dangling, label, reference, since, until; NULL: none */
};
/** engine_image_list - array of ImageSummary {Id, ParentId, RepoTags, RepoDigests, Created, Size,
 * SharedSize, Containers, Labels} and "CreatedNs", newest first. Caller owns. */
int engine_image_list(struct engine *eng, const struct engine_image_list *req, json_t **ret,
		      struct err *e);
/** engine_image_platforms - the images that fit @req as array of {Id, Names, DiskUsage, ContentSize, InUse, Children: [{Id,
 * Platform, Available, DiskUsage, ContentSize, InUse}]}; bytes; Id of a platform that is not here: of its manifest. An image
 * without a name is below the one of the same index that has one. Caller owns. */
int engine_image_platforms(struct engine *eng, const struct engine_image_list *req, json_t **ret, struct err *e);
/** engine_image_tree - {Id, Names, Size, Layers: [{Id, Size, Names, Layers}]}: the layers of @ref in order, Names of the
 * images whose topmost they are; @what_requires: its topmost layer, and above it those of all images that stand on it.
 * Caller owns. */
int engine_image_tree(struct engine *eng, const char *ref, bool what_requires, json_t **ret, struct err *e);
/** engine_image_inspect - docker's image object, of an image that came from an index with "Manifests". @platform: NULL or
 * the one of the index that is meant. E_NOT_FOUND "No such image: X" | "... does not provide the specified platform". */
int engine_image_inspect(struct engine *eng, const char *ref, const char *platform, json_t **ret, struct err *e);
/** engine_image_history - array of {Id, Created, CreatedBy, Tags, Size, Comment}, newest first. */
int engine_image_history(struct engine *eng, const char *ref, const char *platform, json_t **ret, struct err *e);
/** engine_image_diff - array of {"Path", "Kind": 0 changed, 1 added, 2 deleted}, in order of names: the topmost layer of
 * @ref against what is below it, or @ref against image @other (NULL: none). Caller owns. */
int engine_image_diff(struct engine *eng, const char *ref, const char *other, json_t **ret, struct err *e);
/** engine_image_tag - @target gets the image of @source. E_INVALID for a bad reference. */
int engine_image_tag(struct engine *eng, const char *source, const char *target, struct err *e);

/** engine_image_names - what rmi --all removes: every name that the own store has, and the IDs of its images without one. Array
 * of strings; caller owns. */
int engine_image_names(struct engine *eng, json_t **ret, struct err *e);
/** engine_image_untag - take @n names away from the image @ref, or all that it has (0); it stays. All or none: E_NOT_FOUND
 * for one that is not its own. */
int engine_image_untag(struct engine *eng, const char *ref, char *const *names, size_t n, struct err *e);

enum engine_image_remove_flags { ENGINE_IMAGE_FORCE = 1, ENGINE_IMAGE_NO_PRUNE = 2 };
/** engine_image_remove - untag or delete, docker's rules and conflicts. @ret: array of
 * {"Untagged": ref} and {"Deleted": digest}. */
int engine_image_remove(struct engine *eng, const char *ref, unsigned flags, json_t **ret,
			struct err *e);
/** engine_image_remove_platform - only the image for @platform of what @ref came from: where that is not the one that has
 * the name, the name stays. @ret as above. */
int engine_image_remove_platform(struct engine *eng, const char *ref, const char *platform, unsigned flags, json_t **ret,
				 struct err *e);
/** engine_image_prune - dangling images, or all unused ones; filters dangling, label, label!, until, and beyond
 * docker: unused-for (a duration since its last use, see image_last_use_ns) and, with @all, keep-last (number of the
 * newest images of each repository that stay).
 * @ret: {"ImagesDeleted": [...], "SpaceReclaimed": bytes}. */
int engine_image_prune(struct engine *eng, bool all, const json_t *filters, json_t **ret,
		       struct err *e);

/** engine_image_mount - mount the image read-only below ONGGI_RUN, once however often it is asked for: every
 * mount wants its unmount. @ret: {"Id", "Names", "Repositories", "Mountpoint"}; caller owns. */
int engine_image_mount(struct engine *eng, const char *ref, json_t **ret, struct err *e);
/** engine_image_mounts - array of such objects of all mounted images. Caller owns. */
int engine_image_mounts(struct engine *eng, json_t **ret, struct err *e);
/** engine_image_unmount - count down; the last one unmounts. @force: at once, whoever uses it; not mounted is
 * no error then. E_STATE "image X is not mounted" | E_BUSY files of it are open. */
int engine_image_unmount(struct engine *eng, const char *ref, bool force, char ret_id[DIGEST_TEXT_MAX],
			 struct err *e);
/** engine_image_mounts_sweep - clean up records whose mounts are gone: after a kill or a reboot. */
int engine_image_mounts_sweep(struct engine *eng, struct err *e);

#endif
