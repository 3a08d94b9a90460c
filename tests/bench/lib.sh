# SPDX-License-Identifier: Apache-2.0
#
# lib.sh - shared by the rows of the bench. Each row_*.sh sources it, measures, and prints with
# `row` one or more lines; tests/bench/run shows them as a table.
#
#   BENCH_RUNS    runs of each command in one round (20)
#   BENCH_SETTLE  seconds between two commands (1): the kernel takes network namespaces of the one before
#                 apart in the background, holding the lock that the next one needs
#   BENCH_ROUNDS  rounds; the commands take turns, so that a busy moment hits all of them (5)
#   ONGGI_BIN     folder with onggi, orun, onggi-monitor
#   BENCH_FLOOR   the floor program
#   BENCH_DIR     scratch directory of the whole run

runs=${BENCH_RUNS:-20}
rounds=${BENCH_ROUNDS:-5}

have() { command -v "$1" >/dev/null 2>&1; }

# what is measured must be there and work: skip NAME REASON ends the row without failing the bench
skip() {
	printf '%s\t-\t-\t-\t-\tskipped: %s\n' "$1" "$2"
	exit 0
}

# private_mounts SCRIPT - start over in a mount namespace of its own, with a tmpfs at $BENCH_DIR/run: run-time
# state lies on one on every ordinary host. crun refuses hosts whose v2 hierarchy, beside v1, holds
# controllers: there it is unmounted in the namespace, for all that are measured alike.
private_mounts() {
	if [ -z "${BENCH_PRIVATE:-}" ]; then
		BENCH_PRIVATE=1 exec unshare --mount --propagation private sh "$1"
	fi
	mkdir -p "$BENCH_DIR/run"
	mount -t tmpfs tmpfs "$BENCH_DIR/run"
	_v2=/sys/fs/cgroup/unified
	! grep -q . $_v2/cgroup.controllers 2>/dev/null || umount $_v2
}

# medians FILE NAME COMMAND [NAME COMMAND]... - measure the commands in turns; FILE gets
# "NAME MILLISECONDS" lines. A command that fails ends the row with its output. Around the measured time:
# the commands in $setup_NAME before each round, $prepare_NAME before each run, $cleanup_NAME after each round.
medians() {
	_out=$1
	shift
	: >"$_out"
	_all=$BENCH_DIR/times.$$
	rm -f "$_all".*
	_round=0
	while [ $_round -lt "$rounds" ]; do
		_round=$((_round + 1))
		_n=0
		for _word; do
			_n=$((_n + 1))
			[ $((_n % 2)) = 0 ] || { _name=$_word; continue; }
			sleep "${BENCH_SETTLE:-1}"
			eval "\${setup_$_name:-:}"
			eval "_prepare=\${prepare_$_name:-}"
			hyperfine -N --warmup 2 --runs "$runs" --export-json "$_all.json" \
				${_prepare:+--prepare "$_prepare"} "$_word" >/dev/null 2>"$_all.err" || {
				echo "bench: failed: $_word" >&2
				[ -z "$_prepare" ] || $_prepare >&2
				$_word >&2 || cat "$_all.err" >&2
				return 1
			}
			eval "\${cleanup_$_name:-:}"
			jq -r '.results[0].times[]' "$_all.json" >>"$_all.$_n"
		done
	done
	_n=0
	for _word; do
		_n=$((_n + 1))
		[ $((_n % 2)) = 1 ] && { _name=$_word; continue; }
		printf '%s ' "$_name" >>"$_out"
		sort -g "$_all.$_n" | awk '{ v[NR] = $1 } END {
			m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			printf "%.3f\n", m * 1000 }' >>"$_out"
	done
	rm -f "$_all".*
}

# value FILE NAME - one of the medians, empty when it was not measured
value() { awk -v n="$2" '$1 == n { print $2 }' "$1"; }

# row NAME FILE OURS UNIT GOAL... - print one line of the table. FILE has "NAME VALUE" lines; a GOAL
# is "PEER FACTOR": OURS may be at most FACTOR times PEER. Peers without a goal are shown too.
row() {
	_row=$1 _file=$2 _ours=$3 _unit=$4
	shift 4
	printf '%s\n' "$@" | awk -v row="$_row" -v ours="$_ours" -v unit="$_unit" -v file="$_file" '
		BEGIN {
			while ((getline line < file) > 0) {
				split(line, f, " ")
				value[f[1]] = f[2]
				if (f[1] != ours) order[++n] = f[1]
			}
			met = "yes"
		}
		NF == 2 { goal[$1] = $2 }
		function show(v) { return v >= 100 ? sprintf("%.0f", v) : sprintf("%.1f", v) }
		END {
			for (i = 1; i <= n; i++) {
				p = order[i]
				sep = i > 1 ? ", " : ""
				peers = peers sep p " " show(value[p])
				if (value[p] <= 0) continue
				q = value[ours] / value[p]
				ratios = ratios (ratios ? ", " : "") sprintf("%.3g x %s", q, p)
				if (p in goal) {
					goals = goals (goals ? ", " : "") goal[p] " x " p
					if (q > goal[p]) met = "no"
				}
			}
			if (!goals) met = "-"
			printf "%s\t%s %s\t%s\t%s\t%s\t%s\n", row, show(value[ours]), unit,
				peers ? peers : "-", ratios ? ratios : "-", goals ? goals : "-", met
		}'
}

# an OCI bundle whose process does nothing: bundle_true DIR. /bin/pause in it waits for ever.
bundle_true() {
	mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/sys" "$1/rootfs/dev"
	cp "$BENCH_FLOOR" "$1/rootfs/bin/true"
	ln -f "$1/rootfs/bin/true" "$1/rootfs/bin/pause"
	(cd "$1" && rm -f config.json && runc spec) || return 1
	jq '.process.terminal = false | .process.args = ["/bin/true"] | .root.readonly = true' \
		"$1/config.json" >"$1/config.new" && mv "$1/config.new" "$1/config.json"
}

# bundle_change DIR FILTER [JQ-OPTION...] - the config of the bundle through a jq filter
bundle_change() {
	_dir=$1 _filter=$2
	shift 2
	jq "$@" "$_filter" "$_dir/config.json" >"$_dir/config.new" && mv "$_dir/config.new" "$_dir/config.json"
}

# oci_start ROW SCRIPT - what all rows that compare runtimes begin with: the runtimes are there, the mounts
# private, $bundle holds the default bundle. Then `of RUNTIME` is how to call one of $runtimes.
runtimes="orun crun runc"
oci_start() {
	[ "$(id -u)" = 0 ] || skip "$1" "needs root"
	[ -x "$ONGGI_BIN/orun" ] || skip "$1" "orun is not built"
	for _peer in crun runc; do have $_peer || skip "$1" "$_peer is not installed"; done
	private_mounts "$2"
	bundle=$BENCH_DIR/bundle-$$
	id=onggi-bench-$$
	for _r in $runtimes; do mkdir -p "$BENCH_DIR/run/$_r"; done
	bundle_true "$bundle"
}
of() {
	case $1 in
	orun) echo "$ONGGI_BIN/orun --root $BENCH_DIR/run/orun" ;;
	*) echo "$1 --root $BENCH_DIR/run/$1" ;;
	esac
}
