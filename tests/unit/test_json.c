/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of src/format/json*: reading, writing, making and changing values; who holds what. Where
 * the library jansson is installed, its verdicts and its texts are compared with ours.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "format/js.h"

enum { ANY = JSON_DECODE_ANY | JSON_ALLOW_NUL };

static json_t *read_text(const char *text)
{
	json_error_t je;
	json_t *j = json_loads(text, JSON_DECODE_ANY, &je);
	if (!j)
		fail_msg("%.200s: %d:%d %s", text, je.line, je.column, je.text);
	return j;
}

static void assert_text(const json_t *j, unsigned flags, const char *want)
{
	OWN_STR text = json_dumps(j, flags);
	assert_non_null(text);
	assert_string_equal(text, want);
}

static const char *const good[] = {
	"{}", "[]", "0", "-7", "\"x\"", "true", "false", "null", " { \"a\" : [ 1 , \"b\" , { } ] } ",
	"{\"a\":1,\"a\":2}", "[123456789012345678,-0]", "{\"deep\":[[[[[1]]]]]}", "9223372036854775807",
	"-9223372036854775808", "1.5", "-0.0", "1e3", "1E+3", "2.5e-7", "1e-400", "123456789.125", "0.1",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	"\"\\u001f\\u007f\x7f\"", "[[],{},[{}],\"\"]", "{\"\":0}", "\t\r\n[\n1\n]\n", "1e22", "1e300", "5e-324",
	"{\"a\":{\"b\":1},\"c\":[true,false,null]}", "\"0123456789abcdef\\n0123456\"", "{\"\\u0061\":1,\"a\":2}",
};

static const char *const bad[] = {
	"", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{\"a\":}", "{\"a\" 1}", "{1:2}", "{,}", "{\"a\":1,}", "01", "-",
	"-01", "+1", ".5", "1.", "1.e3", "1e", "1e+", "tru", "truex", "nul", "True", "'a'", "\"open", "\"open\\",
	"\"\\", "[1] 2", "[1 2]", "{\"a\":1]", "[1}", "\"\\x41\"", "\"\\u12g4\"", "\"\\u12\"", "\"\\ud800\"",
	"\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud83d\\ud83d\"", "\"\x01\"", "\"a\nb\"", "\"\xff\"", "\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xc3", "9223372036854775808",
	"-9223372036854775809", "100000000000000000000", "1e400", "-1e400", "NaN", "Infinity", "//x\n1", "[1]\x01",
	"{\"a\\u0000b\":1}", "\xef\xbb\xbf{}", "\"\\u0000", "\"\\u00", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[\"\\\"]",
};

static void texts_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		OWN_JSON j = read_text(good[i]);
		assert_non_null(j);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_error_t je = { 0 };
		if (json_loads(bad[i], ANY, &je))
			fail_msg("read: %s", bad[i]);
		assert_true(je.line >= 1 && je.column >= 1 && je.text[0]);
		assert_null(json_loads(bad[i], ANY, NULL));
	}
	/* only where it is asked for */
	assert_null(json_loads("1", 0, NULL));
	assert_null(json_loads("\"a\\u0000\"", JSON_DECODE_ANY, NULL));
	OWN_JSON nul = json_loads("\"a\\u0000b\"", ANY, NULL);
	assert_int_equal(json_string_length(nul), 3);
	assert_null(json_loads(NULL, ANY, NULL));
	assert_null(json_loadb("[1]\0", 4, ANY, NULL));
}

static void the_levels_are_limited(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];

	(void)state;
	for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		OWN_JSON j = json_loadb(text, 2 * (size_t)depth, 0, NULL);
		assert_true((j != NULL) == (depth == JSON_DEPTH_MAX));
		OWN_STR again = j ? json_dumps(j, JSON_COMPACT) : NULL;
		if (j)
			assert_memory_equal(again, text, 2 * (size_t)depth);
	}
	/* a value that holds itself is not written for ever */
	OWN_JSON a = json_array();
	json_t *b = json_array();
	assert_int_equal(json_array_append(a, b), 0);
	assert_int_equal(json_array_append_new(b, json_incref(a)), 0);
	assert_null(json_dumps(a, 0));
	json_array_clear(b);
	json_decref(b);
}

static void texts_are_written(void **state)
{
	OWN_JSON j = read_text("{\"b\":[1,2.5,1e30,-1e-7,10.0],\"a\":{\"x\":null,\"y\":\"\\u0001\\\"\xc3\xa9/\"},\"e\":{},\"f\":[]}");
	(void)state;
	assert_text(j, JSON_COMPACT, "{\"b\":[1,2.5,1e30,-9.9999999999999995e-8,10.0],"
				     "\"a\":{\"x\":null,\"y\":\"\\u0001\\\"\xc3\xa9/\"},\"e\":{},\"f\":[]}");
	assert_text(j, JSON_COMPACT | JSON_SORT_KEYS,
		    "{\"a\":{\"x\":null,\"y\":\"\\u0001\\\"\xc3\xa9/\"},"
		    "\"b\":[1,2.5,1e30,-9.9999999999999995e-8,10.0],\"e\":{},\"f\":[]}");
	json_object_del(j, "b");
	assert_text(j, 0, "{\"a\": {\"x\": null, \"y\": \"\\u0001\\\"\xc3\xa9/\"}, \"e\": {}, \"f\": []}");
	assert_text(j, JSON_INDENT(2),
		    "{\n  \"a\": {\n    \"x\": null,\n    \"y\": \"\\u0001\\\"\xc3\xa9/\"\n  },\n  \"e\": {},\n  \"f\": []\n}");
	assert_null(json_dumps(json_true(), 0));
	assert_text(json_true(), JSON_ENCODE_ANY, "true");
	assert_null(json_dumps(NULL, JSON_ENCODE_ANY));
	OWN_JSON wrong = json_array();
	json_array_append_new(wrong, json_stringn_nocheck("\xff", 1));
	assert_null(json_dumps(wrong, 0));
}

static void arrays_change(void **state)
{
	OWN_JSON a = json_array();
	json_t *other = read_text("[7,8]");
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(json_array_append_new(a, json_integer(i)), 0);
	for (int i = 99; i > 3; i--)
		assert_int_equal(json_array_remove(a, (size_t)i), 0);
	assert_int_equal(json_array_insert_new(a, 0, json_string("first")), 0);
	assert_int_equal(json_array_insert_new(a, 5, json_string("last")), 0);
	assert_int_equal(json_array_insert_new(a, 7, json_string("beyond")), -1);
	assert_int_equal(json_array_set_new(a, 1, json_true()), 0);
	assert_int_equal(json_array_set_new(a, 6, json_integer(1)), -1);
	assert_int_equal(json_array_append_new(a, NULL), -1);
	assert_int_equal(json_array_append(a, a), -1);
	assert_int_equal(json_array_remove(a, 6), -1);
	assert_text(a, JSON_COMPACT, "[\"first\",true,1,2,3,\"last\"]");
	assert_int_equal(json_array_extend(a, other), 0);
	assert_int_equal(json_array_extend(a, a), 0);
	assert_int_equal(json_array_size(a), 16);
	json_decref(other);
	assert_int_equal(json_integer_value(json_array_get(a, 7)), 8);
	assert_null(json_array_get(a, 16));
	assert_int_equal(json_array_clear(a), 0);
	assert_text(a, 0, "[]");
	OWN_JSON o = json_object();
	assert_int_equal(json_array_append_new(o, json_integer(1)), -1);
	assert_int_equal(json_array_size(o), 0);
}

/* small and with an index, from a text and from nothing */
static void objects_change(json_t *o, int n)
{
	char key[16];

	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(json_object_set_new(o, key, json_integer(i)), 0);
		assert_int_equal(json_object_set_new(o, key, json_integer(i * 2)), 0);
	}
	assert_int_equal(json_object_size(o), n);
	for (int i = 0; i < n; i += 2) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(json_object_del(o, key), 0);
		assert_int_equal(json_object_del(o, key), -1);
		assert_null(json_object_get(o, key));
	}
	assert_int_equal(json_object_size(o), n / 2);
	for (int i = 0; i < n; i += 2) { /* back again, at the end */
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(json_object_set_new(o, key, json_integer(i * 2)), 0);
	}
	const char *name;
	json_t *v;
	int seen = 0, last = -1;
	json_object_foreach(o, name, v) {
		int i = atoi(name + 1);
		assert_int_equal(json_integer_value(v), i * 2);
		assert_true(i % 2 != (seen >= n / 2)); /* the odd ones stayed in front */
		assert_true(seen == n / 2 || i > last);
		last = i;
		seen++;
	}
	assert_null(name);
	assert_int_equal(seen, n);
	for (int i = 0; i < n; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(json_integer_value(json_object_get(o, key)), i * 2);
	}
	json_object_foreach(o, name, v) /* removal in a loop */
		json_object_del(o, name);
	assert_int_equal(json_object_size(o), 0);
	assert_text(o, 0, "{}");
	assert_int_equal(json_object_set_new(o, "again", json_integer(1)), 0);
	assert_int_equal(json_object_clear(o), 0);
	assert_null(json_object_get(o, "again"));
	assert_int_equal(json_object_set_new(o, "again", json_integer(2)), 0);
	assert_text(o, JSON_COMPACT, "{\"again\":2}");
}

static void objects_small_and_big_change(void **state)
{
	static const int sizes[] = { 2, 30, 32, 34, 1000, 20000 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		OWN_JSON o = json_object();
		OWN_JSON read = read_text("{}");
		OWN_JSON packed = json_pack("{}");
		objects_change(o, sizes[i]);
		objects_change(read, sizes[i]);
		objects_change(packed, sizes[i]);
	}
	OWN_JSON o = json_object();
	assert_int_equal(json_object_set_new(o, "\xff", json_integer(1)), -1);
	assert_int_equal(json_object_set_new(o, NULL, json_integer(1)), -1);
	assert_int_equal(json_object_set_new(o, "a", NULL), -1);
	assert_int_equal(json_object_set(o, "a", o), -1);
	assert_int_equal(json_object_size(o), 0);
	assert_null(json_object_get(o, NULL));
}

static void of_many_members_with_one_name_the_last_counts(void **state)
{
	OWN_BUF b = { 0 };
	(void)state;
	buf_putc(&b, '{');
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%s\"k%d\":[%d]", i ? "," : "", i % 50, i);
	buf_putc(&b, '}');
	OWN_JSON j = read_text(buf_str(&b));
	assert_int_equal(json_object_size(j), 50);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(j, "k7"), 0)), 957);
	OWN_JSON small = read_text("{\"a\":[1],\"b\":2,\"a\":{\"x\":3}}");
	assert_text(small, JSON_COMPACT, "{\"a\":{\"x\":3},\"b\":2}");
}

static void objects_take_from_others(void **state)
{
	OWN_JSON a = read_text("{\"x\":1,\"y\":[2]}");
	json_t *b = read_text("{\"y\":{},\"z\":[3]}");
	(void)state;
	OWN_JSON c = json_copy(a);
	assert_int_equal(json_object_update(a, b), 0);
	assert_text(a, JSON_COMPACT, "{\"x\":1,\"y\":{},\"z\":[3]}");
	assert_ptr_equal(json_object_get(a, "z"), json_object_get(b, "z"));
	assert_int_equal(json_object_update_missing(c, b), 0);
	assert_text(c, JSON_COMPACT, "{\"x\":1,\"y\":[2],\"z\":[3]}");
	json_decref(b); /* what was taken stays */
	assert_text(a, JSON_COMPACT, "{\"x\":1,\"y\":{},\"z\":[3]}");
	assert_int_equal(json_object_update(a, NULL), -1);
	assert_int_equal(json_object_update(a, a), 0);
}

/* a part of a document outlives it, and the memory of both goes (seen by the sanitizer) */
static void parts_outlive_their_document(void **state)
{
	json_t *doc = read_text("{\"a\":{\"b\":[1,\"two\",{\"c\":3}]},\"rest\":[1,2,3]}");
	json_t *part = json_incref(js_at(doc, "a.b"));
	json_t *word = json_incref(json_array_get(part, 1));
	(void)state;
	json_object_set(doc, "again", part);
	json_decref(doc);
	assert_text(part, JSON_COMPACT, "[1,\"two\",{\"c\":3}]");
	for (int i = 0; i < 1000; i++)
		json_array_append_new(part, json_integer(i));
	OWN_JSON holder = json_object();
	json_object_set_new(holder, "part", part);
	json_object_del(holder, "part");
	assert_string_equal(json_string_value(word), "two");
	json_decref(word);
}

static void copies_are_equal(void **state)
{
	OWN_JSON a = read_text("{\"a\":[1,2.5,\"x\",null,true],\"b\":{\"c\":{}}}");
	OWN_JSON b = read_text("{\"b\":{\"c\":{}},\"a\":[1,2.5,\"x\",null,true]}");
	OWN_JSON deep = json_deep_copy(a);
	OWN_JSON shallow = json_copy(a);
	OWN_JSON list = json_copy(json_object_get(a, "a"));
	(void)state;
	assert_true(json_equal(a, b) && json_equal(a, deep) && json_equal(shallow, deep));
	assert_ptr_equal(json_object_get(shallow, "a"), json_object_get(a, "a"));
	assert_ptr_not_equal(json_object_get(deep, "a"), json_object_get(a, "a"));
	assert_true(json_equal(list, json_object_get(a, "a")));
	json_object_set_new(json_object_get(deep, "b"), "d", json_integer(1));
	json_object_set_new(shallow, "d", json_integer(1));
	json_array_append_new(list, json_null());
	assert_true(json_equal(a, b) && !json_equal(a, deep) && !json_equal(a, shallow));
	OWN_JSON one = json_integer(1);
	OWN_JSON real = json_real(1);
	assert_false(json_equal(one, real));
	assert_false(json_equal(one, NULL));
	assert_ptr_equal(json_deep_copy(json_null()), json_null());
	assert_null(json_deep_copy(NULL));
	json_object_del(deep, "a"); /* removed members are not copied */
	OWN_JSON again = json_deep_copy(deep);
	assert_text(again, JSON_COMPACT, "{\"b\":{\"c\":{},\"d\":1}}");
	assert_true(json_equal(again, deep));
	OWN_JSON big = json_object();
	char key[16];
	for (int i = 0; i < 500; i++) {
		(void)snprintf(key, sizeof key, "%d", i);
		json_object_set_new(big, key, json_integer(i));
	}
	OWN_JSON big_copy = json_deep_copy(big);
	assert_true(json_equal(big, big_copy));
	assert_int_equal(json_object_set_new(big_copy, "499", json_null()), 0);
	assert_int_equal(json_object_size(big_copy), 500);
}

static void patterns_make_values(void **state)
{
	json_t *shared = json_integer(5);
	const char *none = NULL;
	(void)state;
	OWN_JSON j = json_pack("{s:s, s:i,s:I sb sb s:f s:n s:[s,i,{s:o}], s:{} s[] sO ss? ss* sO? sO*}", "s", "x", "i", -3,
			       "I", (json_int_t)1 << 40, "t", 7, "f", 0, "d", 1.5, "n", "list", "a", 1, "in",
			       json_true(), "empty", "none", "O", shared, "null", none, "left", none, "onull", NULL,
			       "oleft", NULL);
	assert_non_null(j);
	assert_text(j, JSON_COMPACT,
		    "{\"s\":\"x\",\"i\":-3,\"I\":1099511627776,\"t\":true,\"f\":false,\"d\":1.5,\"n\":null,"
		    "\"list\":[\"a\",1,{\"in\":true}],\"empty\":{},\"none\":[],\"O\":5,\"null\":null,\"onull\":null}");
	OWN_JSON list = json_pack("[sI]", "x", (json_int_t)2);
	assert_text(list, JSON_COMPACT, "[\"x\",2]");
	OWN_JSON word = json_pack("s", "word");
	assert_string_equal(json_string_value(word), "word");

	/* a fault: what was given away is released, what was shared is not */
	assert_null(json_pack("{s:s, s:o, s:O}", "a", none, "b", json_array(), "c", shared));
	assert_null(json_pack("{s:s, s:o}", "a", "\xff", "b", json_object()));
	assert_null(json_pack("{s:o}", "a", NULL));
	assert_null(json_pack("{s:o}", "\xff", json_array()));
	assert_null(json_pack("[o", json_array()));
	assert_null(json_pack("{s:i", "a", 1));
	assert_null(json_pack("{s:i]", "a", 1));
	assert_null(json_pack("{s:x}", "a"));
	assert_null(json_pack("[f]", 1.0 / 0.0));
	assert_null(json_pack(""));
	assert_null(json_pack("ii", 1, 2));
	assert_int_equal(shared->refs, 2); /* ours and the object's */
	json_decref(shared);
}

static void plain_values(void **state)
{
	OWN_JSON s = json_sprintf("%d-%s", 7, "x");
	OWN_JSON long_one = json_sprintf("%1000d", 7);
	(void)state;
	assert_string_equal(json_string_value(s), "7-x");
	assert_int_equal(json_string_length(long_one), 1000);
	assert_null(json_sprintf("%s", "\xff"));
	assert_null(json_string("\xc3"));
	assert_null(json_string(NULL));
	assert_null(json_real(0.0 / 0.0));
	assert_null(json_string_value(json_true()));
	assert_int_equal(json_integer_value(s), 0);
	json_decref(json_true()); /* never freed */
	assert_true(json_is_true(json_boolean(3)) && json_is_false(json_boolean(0)));
	OWN_JSON i = json_integer(3);
	assert_true(json_number_value(i) == 3.0 && json_real_value(i) == 0.0);
}

/* ---- the other library ---- */

struct peer {
	void *(*loadb)(const char *, size_t, size_t, void *);
	char *(*dumps)(const void *, size_t);
	void (*delete)(void *);
};

/* the same flags have other numbers there */
enum { PEER_DECODE_ANY = 4, PEER_ALLOW_NUL = 16 };

static void compare(const struct peer *p, const char *text, size_t n)
{
	static const unsigned flags[] = { JSON_COMPACT, 0, JSON_INDENT(3), JSON_COMPACT | JSON_SORT_KEYS };
	char room[512]; /* its error record */
	size_t *refs = p->loadb(text, n, PEER_DECODE_ANY | PEER_ALLOW_NUL, room);
	OWN_JSON ours = json_loadb(text, n, ANY, NULL);

	if (!ours != !refs)
		fail_msg("%s only here: %.*s", ours ? "read" : "refused", (int)n, text);
	for (size_t i = 0; ours && i < ARRAY_LEN(flags); i++) {
		OWN_STR a = json_dumps(ours, flags[i] | JSON_ENCODE_ANY);
		OWN_STR b = p->dumps(refs, flags[i] | JSON_ENCODE_ANY);
		assert_non_null(a);
		assert_non_null(b);
		if (strcmp(a, b) != 0)
			fail_msg("ours: %.300s\ntheirs: %.300s", a, b);
	}
	/* counted; true, false and null are not */
	if (refs && refs[1] != SIZE_MAX && --refs[1] == 0)
		p->delete(refs);
}

static uint64_t rnd(uint64_t *s)
{
	*s = *s * 6364136223846793005 + 1442695040888963407;
	return *s >> 33;
}

static void random_text(uint64_t *s, struct buf *b, int depth)
{
	static const char *const plain[] = {
		"0", "-1", "12345678901", "1.25", "-3e-5", "6.02e23", "true", "false", "null", "\"\"", "\"ab\"",
		"\"\\u00e9\\n\"", "\"\xe2\x82\xac x\"", "\"0123456789\\t0123456789\"", "0.1", "1e16", "123456789012345680.0",
	};
	uint64_t what = rnd(s) % 4;

	if (depth > 5 || what < 2) {
		buf_puts(b, plain[rnd(s) % ARRAY_LEN(plain)]);
		return;
	}
	size_t n = rnd(s) % (rnd(s) % 16 ? 5 : 60);
	buf_putc(b, what == 2 ? '[' : '{');
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? ", " : "");
		if (what == 3)
			buf_printf(b, "\"k%d\": ", (int)(rnd(s) % 70));
		random_text(s, b, depth + 1);
	}
	buf_putc(b, what == 2 ? ']' : '}');
}

static void another_library_agrees(void **state)
{
	static const char doc[] = "{\"Id\":\"05\\u00e9\",\"N\":[1,-2.5e1,{\"x\":null}],\"B\":true,\"S\":\"a \xc3\xa9\",\"E\":{}}";
	static const char bytes[] = "\"\\{}[]:,0-.x eu\n\x01\x7f\xff\xc3\x80";
	void *lib = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
	struct peer p = { 0 };
	char text[sizeof doc];
	uint64_t seed = 11;

	(void)state;
	if (!lib)
		skip();
	*(void **)&p.loadb = dlsym(lib, "json_loadb");
	*(void **)&p.dumps = dlsym(lib, "json_dumps");
	*(void **)&p.delete = dlsym(lib, "json_delete");
	assert_true(p.loadb && p.dumps && p.delete);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		compare(&p, good[i], strlen(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		compare(&p, bad[i], strlen(bad[i]));
	/* every prefix and every change of one byte */
	for (size_t n = 0; n < sizeof doc; n++)
		compare(&p, doc, n);
	for (size_t i = 0; i < sizeof doc - 1; i++)
		for (size_t k = 0; k < sizeof bytes; k++) {
			memcpy(text, doc, sizeof doc);
			text[i] = bytes[k];
			compare(&p, text, sizeof doc - 1);
		}
	for (int i = 0; i < 500; i++) {
		OWN_BUF b = { 0 };
		random_text(&seed, &b, 0);
		compare(&p, buf_str(&b), b.n);
		if (b.n > 4) {
			b.p[rnd(&seed) % b.n] = bytes[rnd(&seed) % (sizeof bytes - 1)];
			compare(&p, buf_str(&b), b.n);
		}
	}
	dlclose(lib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_or_refused),
		cmocka_unit_test(the_levels_are_limited),
		cmocka_unit_test(texts_are_written),
		cmocka_unit_test(arrays_change),
		cmocka_unit_test(objects_small_and_big_change),
		cmocka_unit_test(of_many_members_with_one_name_the_last_counts),
		cmocka_unit_test(objects_take_from_others),
		cmocka_unit_test(parts_outlive_their_document),
		cmocka_unit_test(copies_are_equal),
		cmocka_unit_test(patterns_make_values),
		cmocka_unit_test(plain_values),
		cmocka_unit_test(another_library_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
