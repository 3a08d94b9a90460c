#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# create, start and delete of the default bundle, each by itself. What must be there before is made
# outside of the measured time; a container is deleted when its process has ended.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "oci create" "$0"

# prepare WHAT ID RUNTIME...: the state that WHAT is measured from, in a script of its own, so that a run
# after a failed one begins afresh
cat >"$bundle/prepare" <<'END'
what=$1 bundle=$2 id=$3
shift 3
"$@" delete --force "$id" >/dev/null 2>&1 || :
[ "$what" != create ] || exit 0
"$@" create --bundle "$bundle" "$id" || exit
[ "$what" != start ] || exit 0
"$@" start "$id" || exit
until "$@" state "$id" | grep -q '"status": *"stopped"'; do :; done
END
for what in create start delete; do
	args=
	[ $what != create ] || args="--bundle $bundle"
	for r in $runtimes; do eval "prepare_$r=\"sh $bundle/prepare $what $bundle $id-$r $(of $r)\""; done
	medians "$bundle/figures" \
		orun "$(of orun) $what $args $id-orun" \
		crun "$(of crun) $what $args $id-crun" \
		runc "$(of runc) $what $args $id-runc"
	row "oci $what" "$bundle/figures" orun ms "crun 0.5"
	for r in $runtimes; do $(of $r) delete --force $id-$r >/dev/null 2>&1 || :; done
done
