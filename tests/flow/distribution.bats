#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The distribution-spec against docker-registry and (as distribution_serve.bats, and as distribution_tls.bats with TLS
# and a password) against `onggi registry serve`: pull, push, content discovery, content management and referrers, as users reach them. What onggi did is judged by
# curl and skopeo. docker-registry has no referrers API: the tag schema stands in for it.

load pull_lib

setup_file() {
	store_setup
	store_registry
	for tag in one two; do python3 "$LIB/mkimage.py" "$T/oci" --tag $tag --kb 100 --seed $tag; done
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 50 --seed multi
	python3 "$LIB/mkimage.py" "$T/oci" --tag zstd --compress zstd,none --kb 50 --seed zstd
}

teardown_file() {
	registry_stop
	store_teardown
}

setup() {
	store_fresh
	# a repository for each test
	REPO=$REGISTRY/r$BATS_TEST_NUMBER
	URL=http${REGISTRY_BASIC:+s}://$REGISTRY/v2/r$BATS_TEST_NUMBER
}

# put TAG-OF-LAYOUT NAME: by skopeo, all platforms
put() {
	skopeo copy -q --all --dest-tls-verify=false "oci:$T/oci:$1" "docker://$2" 3>&-
}

is_ours() {
	case $BATS_TEST_FILENAME in *_serve.bats | *_tls.bats) ;; *) return 1 ;; esac
}

digest_of() { # TAG: what the registry says
	curl -fsI -H 'Accept: application/vnd.oci.image.index.v1+json' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"$URL/manifests/$1" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}

status_of() { # PATH [CURL OPTIONS]
	curl -s -o /dev/null -w '%{http_code}' "${@:2}" "$URL/$1"
}

# artifact SUBJECT TYPE TEXT: a manifest of before or after 1.1 that refers to SUBJECT; prints its digest
artifact() {
	python3 - "$URL" "$@" <<-'PY'
		import hashlib, json, os, ssl, sys, urllib.parse, urllib.request
		basic = os.environ.get("REGISTRY_BASIC")
		if basic:
		    urllib.request.install_opener(urllib.request.build_opener(urllib.request.HTTPSHandler(context=ssl._create_unverified_context())))
		url, subject, kind, text = sys.argv[1:]
		def sha(b): return "sha256:" + hashlib.sha256(b).hexdigest()
		def send(method, url, data, **headers):
		    r = urllib.request.Request(url, data=data, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
		    if basic:
		        r.add_header("Authorization", "Basic " + basic)
		    return urllib.request.urlopen(r)
		def blob(data):
		    where = urllib.parse.urljoin(url, send("POST", url + "/blobs/uploads/", b"").headers["Location"])
		    send("PUT", where + ("&" if "?" in where else "?") + "digest=" + sha(data), data, Content_Type="application/octet-stream")
		    return {"digest": sha(data), "size": len(data)}
		m = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": kind,
		     "config": {"mediaType": "application/vnd.oci.empty.v1+json", **blob(b"{}")},
		     "layers": [{"mediaType": "text/plain", **blob(text.encode())}],
		     "annotations": {"note": text}}
		if subject != "none":
		    m["subject"] = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1}
		data = json.dumps(m).encode()
		send("PUT", url + "/manifests/" + sha(data), data, Content_Type=m["mediaType"])
		print(sha(data))
	PY
}

# ---- pull ----

@test "pull: by tag and by digest, manifest and index; what is not there" {
	put one "$REPO:1"
	put multi "$REPO:m"
	image pull -q "$REPO:1"
	is_status 0
	image pull -q "$REPO@$(digest_of 1)"
	is_status 0
	image pull -q "$REPO:m"
	is_status 0
	image pull -q "$REPO@$(digest_of m)"
	is_status 0
	image pull -q "$REPO:nothere"
	is_status 1
	has "manifest for $REPO:nothere not found"
	image pull -q "$REPO@sha256:$(printf '%064d' 7)"
	is_status 1
	has "not found"
	image pull -q "$REGISTRY/no/such:1"
	is_status 1
}

@test "pull: layers plain, gzip and zstd in one repository" {
	for tag in one two zstd; do
		put $tag "$REPO:$tag"
		image pull -q "$REPO:$tag"
		is_status 0
	done
}

# ---- push ----

@test "push: monolithic and streamed blobs, manifest by tag; the same again sends nothing" {
	put one "$REPO:1"
	image pull -q "$REPO:1"
	onggi tag "$REPO:1" "$REPO-copy:1"
	image push "$REPO-copy:1"
	is_status 0
	cmp <(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$URL/manifests/1") \
		<(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$URL-copy/manifests/1")
	for blob in $(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$URL-copy/manifests/1" | jq -r '.config.digest, .layers[].digest'); do
		[ "sha256:$(curl -fsL "$URL-copy/blobs/$blob" | sha256sum | cut -d' ' -f1)" = "$blob" ]
	done
	image push "$REPO-copy:1"
	is_status 0
	has "Layer already exists"
	hasnt "Pushed"
}

@test "push: a blob of another repository is mounted" {
	put one "$REPO:1"
	image pull -q "$REPO:1"
	onggi tag "$REPO:1" "$REPO-mounted:1"
	image push "$REPO-mounted:1"
	is_status 0
	has "Mounted from"
}

# ---- content discovery ----

@test "tags: all of them, those of nothing, names that are none" {
	for n in 1 2 3; do put one "$REPO:t$n"; done
	run -0 onggi registry tags "$REPO"
	[ "$output" = $'t1\nt2\nt3' ]
	run -1 onggi registry tags "$REGISTRY/no/such"
	has "not found"
	run -1 onggi registry tags "$REPO:t1"
	run -1 onggi registry tags "Not A Name"
	run -0 onggi registry ls "$REGISTRY"
	has "r$BATS_TEST_NUMBER"
	run -1 onggi registry ls "$REGISTRY/some/path"
}

@test "referrers: none, then those that the tag schema lists; the filter; JSON" {
	put one "$REPO:1"
	subject=$(digest_of 1)
	run -0 onggi registry referrers "$REPO:1"
	[ "${#lines[@]}" = 1 ]
	run -0 onggi registry referrers --json "$REPO:1"
	[ "$(jq '.manifests | length' <<<"$output")" = 0 ]
	# pushed by somebody who knows no referrers: without the API not listed, as the spec has it
	sbom=$(artifact "$subject" application/sbom first)
	sig=$(artifact "$subject" application/signature second)
	# a copy of onggi to another repository lists them there
	for d in $sbom $sig; do
		run -0 onggi registry copy -q "$REPO@$d" "$REPO"
		[ "$output" = "$d" ]
	done
	run -0 onggi registry referrers "$REPO:1"
	has "$sbom"
	has "$sig"
	has "application/signature"
	run -0 onggi registry referrers --artifact-type application/sbom "$REPO@$subject"
	has "$sbom"
	hasnt "$sig"
	run -0 onggi registry referrers --json "$REPO:1"
	[ "$(jq -r '.manifests[] | select(.artifactType == "application/sbom") | .annotations.note' <<<"$output")" = first ]
	[ "$(jq -r '.mediaType' <<<"$output")" = application/vnd.oci.image.index.v1+json ]
	# others can read it: by the API, without which the tag is an index
	list=manifests/${subject/:/-}
	if is_ours; then
		[ "$(status_of "$list")" = 404 ]
		list=referrers/$subject
	fi
	[ "$(curl -fs -H 'Accept: application/vnd.oci.image.index.v1+json' "$URL/$list" | jq '.manifests | length')" = 2 ]
	# again: no second entry
	onggi registry copy -q "$REPO@$sbom" "$REPO"
	run -0 onggi registry referrers --json "$REPO:1"
	[ "$(jq '.manifests | length' <<<"$output")" = 2 ]
	run -1 onggi registry referrers "$REPO:nothere"
}

# ---- content management ----

@test "rm: a manifest with its tags, its place in the list of referrers, blobs no more" {
	put one "$REPO:1"
	put two "$REPO:2"
	subject=$(digest_of 1)
	sig=$(artifact "$subject" application/signature s)
	onggi registry copy -q "$REPO@$sig" "$REPO"
	run -0 onggi registry rm "$REPO@$sig"
	[ "$output" = "Deleted: $REPO@$sig" ]
	[ "$(status_of "manifests/$sig" -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 404 ]
	run -0 onggi registry referrers --json "$REPO:1"
	[ "$(jq '.manifests | length' <<<"$output")" = 0 ]
	run -0 onggi registry rm "$REPO@$subject"
	[ "$(status_of manifests/1 -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 404 ]
	[ "$(status_of manifests/2 -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 200 ]
	# once more, and what never was
	run -1 onggi registry rm "$REPO@$subject"
	has "not found"
	# the others are still taken
	run -1 onggi registry rm "$REPO@sha256:$(printf '%064d' 3)" "$REPO@$(digest_of 2)"
	[ "$(status_of manifests/2 -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 404 ]
}

@test "rm: by tag, also where the registry deletes manifests only; where nothing may be deleted" {
	put one "$REPO:1"
	if is_ours; then
		put one "$REPO:2"
		run -0 onggi registry rm "$REPO:1"
		[ "$(status_of manifests/1)" = 404 ]
		[ "$(status_of manifests/2)" = 200 ]
	else
		run -1 onggi registry rm "$REPO:1"
		has "refuses to delete"
		has "NAME@DIGEST"
		[ "$(status_of manifests/1 -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 200 ]
	fi
	run -1 onggi registry rm "$REPO"
	has "say which"
	(
		REGISTRY= REGISTRY_PID=
		if is_ours; then
			onggi_registry_start "$T/locked" 3>&-
		else
			REGISTRY_STORAGE_DELETE_ENABLED=false registry_start "$T/locked" 3>&-
		fi
		skopeo copy -q --dest-tls-verify=false "oci:$T/oci:one" "docker://$REGISTRY/x:1" 3>&-
		d=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/x:1" | jq -r .Digest)
		onggi registry rm "$REGISTRY/x@$d" >"$T/locked.out" 2>&1 && touch "$T/locked.deleted"
		registry_stop || true
	)
	[ ! -e "$T/locked.deleted" ]
	grep -q "switched off" "$T/locked.out"
}

# ---- copy ----

@test "copy: within a registry, to another, every byte of manifests and indexes stays" {
	put multi "$REPO:m"
	put one "$REPO:1"
	run -0 onggi registry copy "$REPO:m" "$REPO-b:m"
	has "Mounted"
	[ "$(digest_of m)" = "$(URL=$URL-b digest_of m)" ]
	run -0 onggi registry copy "$REPO:1" "$REPO-b"
	[ "$(digest_of 1)" = "$(URL=$URL-b digest_of 1)" ]
	run -0 onggi registry copy -a "$REPO" "$REPO-c"
	run -0 onggi registry tags "$REPO-c"
	[ "$output" = $'1\nm' ]
	mine=$REGISTRY
	(
		REGISTRY= REGISTRY_PID=
		registry_start "$T/other" 3>&-
		onggi registry copy -a "$REPO" "$REGISTRY/far" >"$T/far.out" 2>&1
		for tag in 1 m; do
			cmp <(skopeo inspect --raw --tls-verify=false "docker://$REPO:$tag") \
				<(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/far:$tag") && touch "$T/far.$tag"
		done
		skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/far:m" "oci:$T/far.oci:m" 3>&- && touch "$T/far.whole"
		onggi registry copy "$REGISTRY/far:1" "$mine/back:1" >>"$T/far.out" 2>&1 && touch "$T/far.back"
		registry_stop || true
	)
	[ -e "$T/far.1" ] && [ -e "$T/far.m" ] && [ -e "$T/far.whole" ] && [ -e "$T/far.back" ] || { cat "$T/far.out"; return 1; }
	# nothing of it is in the local store
	[ ! -e "$ONGGI_ROOT/blobs" ] || [ -z "$(find "$ONGGI_ROOT/blobs" -type f)" ]
}

@test "copy: one platform, referrers too, refusals" {
	put multi "$REPO:m"
	run -0 onggi registry copy -q --platform linux/arm64 "$REPO:m" "$REPO-arm:1"
	[ "$output" = "$(skopeo inspect --raw --tls-verify=false "docker://$REPO:m" | jq -r '.manifests[] | select(.platform.architecture == "arm64") | .digest')" ]
	run -1 onggi registry copy --platform linux/s390x "$REPO:m" "$REPO-none:1"
	has "no matching manifest"
	put one "$REPO:1"
	sig=$(artifact "$(digest_of 1)" application/signature s)
	onggi registry copy -q "$REPO@$sig" "$REPO"
	run -0 onggi registry copy -q -r "$REPO:1" "$REPO-signed:1"
	run -0 onggi registry referrers "$REPO-signed:1"
	has "$sig"
	run -1 onggi registry copy "$REPO:1" "$REPO-x@$(digest_of 1)"
	run -1 onggi registry copy -a "$REPO:1" "$REPO-x"
	run -1 onggi registry copy "$REPO:nothere" "$REPO-x"
	has "not found"
	# a tag that is not whole never moves
	run -1 onggi registry tags "$REPO-x"
}

@test "copy: a source that lies about a blob: nothing arrives" {
	lying_start "$T/oci"
	run -0 onggi registry copy "$LYING/plain/x:one" "$REPO-good:1"
	run -1 onggi registry copy "$LYING/wrongdigest/x:one" "$REPO:1"
	[ "$(status_of manifests/1 -H 'Accept: application/vnd.oci.image.manifest.v1+json')" = 404 ]
	lying_stop
}

@test "referrers: a registry with the API, its pages, its nonsense, and one that answers with a page" {
	lying_start "$T/oci"
	run -0 onggi registry referrers "$LYING/api/x:one"
	has "sha256:1111"
	has "sha256:2222"
	run -0 onggi registry referrers --artifact-type application/sbom "$LYING/api/x:one"
	has "sha256:2222"
	hasnt "sha256:1111"
	run -1 onggi registry referrers "$LYING/none/x:one"
	has "digest"
	run -0 onggi registry referrers "$LYING/page/x:one"
	[ "${#lines[@]}" = 1 ]
	lying_stop
}
