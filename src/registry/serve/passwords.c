/* SPDX-License-Identifier: Apache-2.0
 *
 * Users and passwords of the registry server: see passwords.h.
 */
#include "registry/serve/passwords.h"

#include <crypt.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/io.h"
#include "base/own.h"
#include "format/hash.h"
#include "format/base64.h"
#include "registry/credential.h"

struct passwords {
	const char *path;
	unsigned char key[32];   /* of the digests in password_line.seen; of this process alone */
	pthread_mutex_t lock;    /* of what follows */
	struct password_line *list; /* sorted by user */
	size_t n;
	struct stat was;         /* the file that was read last */
};

/* "$2y$COST$" and 53 digits of bcrypt's own base 64 */
static bool hash_is_valid(const char *s)
{
	static const char digits[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	if (strlen(s) != PASSWORDS_HASH_LEN || s[0] != '$' || s[1] != '2' || !memchr("aby", s[2], 3) || s[3] != '$' ||
	    s[4] < '0' || s[4] > '9' || s[5] < '0' || s[5] > '9' || s[6] != '$' || strspn(s + 7, digits) != 53)
		return false;
	int cost = (s[4] - '0') * 10 + s[5] - '0';
	return cost >= 4 && cost <= PASSWORDS_COST_MAX;
}

static int by_user(const void *a, const void *b)
{
	return strcmp(((const struct password_line *)a)->user, ((const struct password_line *)b)->user);
}

void passwords_free(struct password_line *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].user);
	free(list);
}

static int line_parse(char *line, size_t number, struct password_line *ret, struct err *e)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line)
		return err_new(e, E_INVALID, EINVAL, "line %zu: USER:HASH is wanted", number);
	*colon = 0;
	if (!hash_is_valid(colon + 1)) {
		(void)err_new(e, E_INVALID, EINVAL, "line %zu: the hash of user %.60s is not bcrypt's", number, line);
		err_hint(e, "write it with: htpasswd -B");
		return -e->eno;
	}
	*ret = (struct password_line){ .user = strdup(line) };
	if (!ret->user)
		return err_new(e, E_NOMEM, ENOMEM, "users");
	memcpy(ret->hash, colon + 1, sizeof ret->hash);
	return 0;
}

int passwords_parse(char *text, struct password_line **ret, size_t *ret_n, struct err *e)
{
	struct password_line *list = NULL;
	size_t n = 0, cap = 0, number = 0;
	int r = 0;

	for (char *line = text, *next; r == 0 && line; line = next) {
		number++;
		if ((next = strchr(line, '\n')))
			*next++ = 0;
		line[strcspn(line, "\r")] = 0;
		if (!*line || *line == '#')
			continue;
		struct password_line *more = grow_one(list, n, &cap, sizeof *more);
		if (!more) {
			r = err_new(e, E_NOMEM, ENOMEM, "users");
			break;
		}
		list = more;
		r = line_parse(line, number, &list[n], e);
		if (r == 0)
			n++;
	}
	if (n)
		qsort(list, n, sizeof *list, by_user);
	for (size_t i = 1; r == 0 && i < n; i++)
		if (!by_user(&list[i - 1], &list[i]))
			r = err_new(e, E_INVALID, EINVAL, "user %.60s is there twice", list[i].user);
	if (r < 0) {
		passwords_free(list, n);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* under the lock, or before anybody else knows @p */
static int load(struct passwords *p, struct err *e)
{
	OWN_STR text = NULL;
	struct password_line *list;
	size_t n;
	OWN_FD fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &p->was) < 0)
		return err_sys(e, errno, "users of %s", p->path);
	if (!S_ISREG(p->was.st_mode))
		return err_new(e, E_INVALID, EINVAL, "users of %s: no plain file", p->path);
	if (io_read_fd(fd, PASSWORDS_BYTES_MAX, &text, NULL, e) < 0 || passwords_parse(text, &list, &n, e) < 0)
		return err_ctx(e, "users of %s", p->path);
	passwords_free(p->list, p->n);
	p->list = list;
	p->n = n;
	return 0;
}

int passwords_open(const char *path, struct passwords **ret, struct err *e)
{
	struct passwords *p = calloc(1, sizeof *p);

	if (!p || pthread_mutex_init(&p->lock, NULL)) {
		free(p);
		return err_new(e, E_NOMEM, ENOMEM, "users");
	}
	p->path = path;
	if (getrandom(p->key, sizeof p->key, 0) != sizeof p->key) {
		passwords_close(p);
		return err_new(e, E_IO, EIO, "random key");
	}
	if (load(p, e) < 0) {
		passwords_close(p);
		return -e->eno;
	}
	*ret = p;
	return 0;
}

void passwords_close(struct passwords *p)
{
	if (!p)
		return;
	passwords_free(p->list, p->n);
	(void)pthread_mutex_destroy(&p->lock); /* no thread is left */
	free(p);
}

/* under the lock */
static void look_again(struct passwords *p)
{
	struct err e = { 0 };
	struct stat now;

	if (stat(p->path, &now) == 0 && now.st_ino == p->was.st_ino && now.st_dev == p->was.st_dev &&
	    now.st_size == p->was.st_size && now.st_mtim.tv_sec == p->was.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == p->was.st_mtim.tv_nsec)
		return;
	if (load(p, &e) < 0)
		(void)dprintf(2, "onggi: %s; those that were read before count\n", e.chain);
}

/* libxcrypt's call beside glibc: sanitizers put one of theirs before crypt_r, which finds no library behind it. musl has
 * crypt_r alone. */
static const char *crypt_into(const char *password, const char *setting, struct crypt_data *d)
{
#ifdef __GLIBC__
	return crypt_rn(password, setting, d, sizeof *d);
#else
	return crypt_r(password, setting, d);
#endif
}

/* bcrypt of @password is @hash */
static bool hash_fits(const char *password, const char *hash)
{
	struct crypt_data *d = calloc(1, sizeof *d); /* 32 KiB: too much for the stack of a connection */
	unsigned differ = 1;

	if (!d)
		return false;
	const char *made = crypt_into(password, hash, d);
	if (made && strlen(made) == PASSWORDS_HASH_LEN) {
		differ = 0;
		for (size_t i = 0; i < PASSWORDS_HASH_LEN; i++) /* all of it: time tells nothing */
			differ |= (unsigned)(made[i] ^ hash[i]);
	}
	explicit_bzero(d, sizeof *d);
	free(d);
	return !differ;
}

static void digest_of(const struct passwords *p, const char *hash, const char *password, unsigned char ret[32])
{
	unsigned char out[64];
	struct hash h;

	hash_init(&h, HASH_SHA256);
	hash_add(&h, p->key, sizeof p->key);
	hash_add(&h, hash, PASSWORDS_HASH_LEN);
	hash_add(&h, password, strlen(password));
	(void)hash_raw(&h, out); /* 32 bytes of this algorithm */
	memcpy(ret, out, 32);
	explicit_bzero(out, sizeof out);
	explicit_bzero(&h, sizeof h);
}

static bool same(const unsigned char a[32], const unsigned char b[32])
{
	unsigned differ = 0;

	for (size_t i = 0; i < 32; i++)
		differ |= (unsigned)(a[i] ^ b[i]);
	return !differ;
}

static bool user_check(struct passwords *p, char *user, const char *password)
{
	char hash[PASSWORDS_HASH_LEN + 1] = "$2y$05$"; /* of nobody, whose check is as slow as the others */
	const struct password_line key = { .user = user };
	unsigned char seen[32];
	bool known = false;

	pthread_mutex_lock(&p->lock);
	look_again(p);
	struct password_line *line = p->n ? bsearch(&key, p->list, p->n, sizeof key, by_user) : NULL;
	bool found = line;
	memset(hash + 7, '.', PASSWORDS_HASH_LEN - 7);
	if (!line && p->n)
		memcpy(hash, p->list[0].hash, 7); /* their cost */
	if (line)
		memcpy(hash, line->hash, sizeof hash);
	digest_of(p, hash, password, seen);
	if (line && line->known)
		known = same(seen, line->seen);
	pthread_mutex_unlock(&p->lock);
	if (known)
		return true;
	bool fits = hash_fits(password, hash);
	if (!found || !fits)
		return false;
	pthread_mutex_lock(&p->lock);
	/* the file may be another by now: then nothing is remembered */
	line = p->n ? bsearch(&key, p->list, p->n, sizeof key, by_user) : NULL;
	if (line && !strcmp(line->hash, hash)) {
		memcpy(line->seen, seen, sizeof seen);
		line->known = true;
	}
	pthread_mutex_unlock(&p->lock);
	return true;
}

bool passwords_check(struct passwords *p, const char *authorization)
{
	OWN_SECRET text = NULL;
	size_t n;

	if (!authorization || strncasecmp(authorization, "basic ", 6) != 0)
		return false;
	authorization += 6 + strspn(authorization + 6, " ");
	if (base64_decode(authorization, &text, &n) < 0)
		return false;
	char *colon = strchr(text, ':');
	if (!colon)
		return false;
	*colon = 0;
	bool ok = user_check(p, text, colon + 1);
	*colon = ':'; /* secret_free wipes up to the end of the string */
	return ok;
}
