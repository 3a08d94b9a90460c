/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of containers: see name.h. The lists are our own: qualities, and people who did good work.
 */
#include "spec/name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/own.h"

static const char *const qualities[] = {
	"able",    "amber",   "ample",    "arctic",  "autumn",  "blithe",  "bold",    "brave",
	"breezy",  "bright",  "brisk",    "bronze",  "calm",    "candid",  "cheery",  "civil",
	"clear",   "clever",  "copper",   "cosmic",  "crisp",   "curious", "daring",  "deft",
	"dewy",    "eager",   "early",    "earnest", "earthen", "fair",    "fleet",   "fluent",
	"fond",    "frank",   "fresh",    "gentle",  "glad",    "golden",  "grand",   "hardy",
	"hearty",  "honest",  "humble",   "jade",    "jaunty",  "jolly",   "jovial",  "keen",
	"kind",    "lively",  "loyal",    "lucid",   "lunar",   "mellow",  "merry",   "mild",
	"modest",  "neat",    "nimble",   "noble",   "patient", "placid",  "plucky",  "polite",
	"prompt",  "proud",   "quick",    "quiet",   "rapid",   "ready",   "robust",  "rosy",
	"rustic",  "serene",  "silver",   "sincere", "sleek",   "smooth",  "snug",    "solar",
	"solid",   "spry",    "stable",   "steady",  "still",   "stout",   "sunny",   "supple",
	"swift",   "tender",  "thrifty",  "tidy",    "tranquil", "true",   "upbeat",  "valiant",
	"vernal",  "vivid",   "warm",     "wise",    "witty",   "zesty",
};

static const char *const people[] = {
	"abel",      "agnesi",   "alhazen",   "ampere",    "archimedes", "babbage",  "backus",
	"banach",    "bardeen",  "bernoulli", "bohr",      "boole",      "bose",     "brahmagupta",
	"burnell",   "cantor",   "carson",    "cauchy",    "cerf",       "chandra",  "clarke",
	"codd",      "cori",     "curie",     "darwin",    "dijkstra",   "dirac",    "easley",
	"edison",    "einstein", "elion",     "eratosthenes", "euclid",  "euler",    "faraday",
	"fermat",    "fermi",    "feynman",   "fourier",   "franklin",   "galileo",  "galois",
	"gauss",     "germain",  "goodall",   "hamilton",  "hamming",    "hawking",  "heisenberg",
	"hilbert",   "hodgkin",  "hopper",    "huygens",   "hypatia",    "jang",     "jemison",
	"johnson",   "kalam",    "keller",    "kepler",    "khayyam",    "khwarizmi", "kilby",
	"kleene",    "knuth",    "kovalevskaya", "lagrange", "lamarr",   "lamport",  "leavitt",
	"leibniz",   "liskov",   "lovelace",  "mahavira",  "maxwell",    "mcclintock", "meitner",
	"mendel",    "mendeleev", "mirzakhani", "mitchell", "morse",     "napier",   "newton",
	"nightingale", "noether", "noyce",    "ohm",       "panini",     "pascal",   "pasteur",
	"payne",     "perlman",  "planck",    "poincare",  "ptolemy",    "pythagoras", "raman",
	"ramanujan", "riemann",  "ritchie",   "roentgen",  "rubin",      "rutherford", "sammet",
	"sejong",    "shannon",  "shockley",  "somerville", "stallman",  "tesla",    "thompson",
	"torvalds",  "turing",   "varahamihira", "vaughan", "volta",     "wiles",    "wilson",
	"wright",    "wu",       "yalow",     "yonath",    "zhang",
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int name_check(const char *name, struct err *e)
{
	const char *p = name + (*name == '/');
	size_t n = strlen(p);
	bool ok = n >= 2 && n <= NAME_MAX_LEN && is_alnum(*p);

	for (size_t i = 1; ok && i < n; i++)
		ok = is_alnum(p[i]) || strchr("_.-", p[i]);
	if (!ok)
		return err_new(e, E_INVALID, EINVAL,
			       "Invalid container name (%.100s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			       name);
	return 0;
}

int name_make(unsigned tries, char out[NAME_MADE_MAX])
{
	uint16_t r[3];

	if (getrandom(r, sizeof r, 0) != sizeof r)
		return -errno;
	int n = snprintf(out, NAME_MADE_MAX, "%s_%s", qualities[r[0] % ARRAY_LEN(qualities)],
			 people[r[1] % ARRAY_LEN(people)]);
	if (tries)
		(void)snprintf(out + n, NAME_MADE_MAX - (size_t)n, "%u", r[2] % (tries > 3 ? 10000u : 10u));
	return 0;
}
