#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The process object: terminal, directory, environment, arguments, user. See also process_rights.bats
# and process_sched.bats.

load lib

# ---- terminal ----

# terminal_c SCRIPT: its output on a terminal that is handed over by a socket -> $output, lines end in \n
terminal_c() {
	conf '.process.terminal = true'
	receive "$T/sock" "$T/tty"
	local py=$!
	create_c "$1" --console-socket "$T/sock" || :
	ok
	start_c
	ok
	wait "$py"
	output=$(tr -d '\r' <"$T/tty")
}

@test "process.terminal true" {
	terminal_c 'test -t 0 && test -t 1 && test -t 2 && tty'
	matches '^/dev/(pts/0|console)$'
}

@test "process.terminal true: it is the controlling terminal" {
	terminal_c 'echo in >/dev/tty'
	is in
}

@test "process.terminal true: /dev/console is the terminal" {
	terminal_c 'echo in >/dev/console; stat -c %F /dev/console'
	is $'in\ncharacter special file'
}

@test "process.terminal true belongs to the user" {
	conf '.process.user = { uid: 1000, gid: 1000 }'
	terminal_c 'stat -L -c %u /proc/self/fd/0'
	is 1000
}

@test "process.terminal false" {
	run_c 'test -t 0 || echo none; ls /dev/console 2>/dev/null'
	has none
	hasnt console
}

@test "process.terminal true: create without a console socket is refused" {
	conf '.process.terminal = true'
	create_c
	expect_error 'console.socket' terminal
}

@test "process.terminal false: a console socket is refused" {
	create_c true --console-socket "$T/sock"
	expect_error 'terminal|console'
}

@test "process.terminal true: a console socket that is not there is refused" {
	conf '.process.terminal = true'
	create_c true --console-socket "$T/nothing"
	expect_error 'no such file' nothing
}

@test "process.terminal of a wrong type is refused" {
	conf '.process.terminal = "yes"'
	run_c true
	expect_error 'expected boolean' process.terminal
}

@test "process.consoleSize" {
	conf '.process.consoleSize = { height: 33, width: 77 }'
	terminal_c 'stty size'
	is '33 77'
}

@test "process.consoleSize is ignored without a terminal" {
	conf '.process.consoleSize = { height: 33, width: 77 }'
	run_c 'echo in'
	ok
	is in
}

@test "process.consoleSize of a wrong type is refused" {
	conf '.process.consoleSize = { height: "x", width: 77 }'
	run_c true
	expect_error 'expected integer' process.consoleSize.height
}

@test "process.consoleSize that is negative is refused" {
	conf '.process.consoleSize = { height: -1, width: 77 }'
	run_c true
	expect_error 'consoleSize' process.consoleSize.height
}

# ---- cwd ----

@test "process.cwd" {
	conf '.process.cwd = "/etc"'
	run_c 'pwd; ls passwd'
	ok
	is $'/etc\npasswd'
}

@test "process.cwd that does not exist is made" {
	private_rootfs
	conf '.process.cwd = "/new/dir"'
	run_c 'pwd; stat -c "%u %a" .'
	ok
	is $'/new/dir\n0 755'
}

@test "process.cwd that cannot be made is refused" {
	conf '.process.cwd = "/proc/new/dir"'
	run_c true
	expect_error 'no such file' cwd
}

@test "process.cwd that is a file is refused" {
	conf '.process.cwd = "/file"'
	run_c true
	expect_error 'not a directory' cwd
}

@test "process.cwd relative is refused" {
	conf '.process.cwd = "etc"'
	run_c true
	expect_error 'absolute' process.cwd
}

@test "process.cwd empty is refused" {
	conf '.process.cwd = ""'
	run_c true
	expect_error 'must not be empty' process.cwd
}

@test "process.cwd missing is refused" {
	conf 'del(.process.cwd)'
	run_c true
	expect_error 'must not be empty' process.cwd
}

@test "process.cwd of a wrong type is refused" {
	conf '.process.cwd = {}'
	run_c true
	expect_error 'expected string' process.cwd
}

@test "process.cwd through a symbolic link" {
	private_rootfs
	ln -s /etc "$ROOTFS/link"
	conf '.process.cwd = "/link"'
	run_c 'ls passwd'
	ok
	is passwd
}

@test "process.cwd that only the user may enter" {
	private_rootfs
	mkdir -m 700 "$ROOTFS/own"
	chown 1000:1000 "$ROOTFS/own"
	conf '.process.cwd = "/own" | .process.user = { uid: 1000, gid: 1000 }'
	run_c pwd
	ok
	is /own
}

@test "process.cwd outside by a descriptor of the runtime is refused" {
	local n
	for n in 3 4 5 6 7 8 9 10; do
		CONF=$CONF_BASE CONF_ARGS=()
		conf '.process.cwd = $d' --arg d "/proc/self/fd/$n"
		run_c 'cat /proc/self/cwd/etc/hostname; pwd'
		[ "$status" -ne 0 ] || hasnt "$(cat /etc/hostname 2>/dev/null || echo x)" || return 1
	done
}

# ---- env ----

@test "process.env" {
	conf '.process.env = ["PATH=/bin", "A=b c", "EMPTY=", "EQ=a=b"]'
	run_c 'echo "$A"; echo "${EMPTY-unset}"; echo "$EQ"'
	ok
	is $'b c\n\na=b'
}

@test "process.env: nothing of the runtime's environment comes through" {
	export SECRET_OF_THE_HOST=1
	run_c 'env | cut -d = -f 1 | sort | grep -v "^_$\|PWD\|SHLVL"'
	ok
	is $'HOME\nPATH'
}

@test "process.env: a new line in a value is kept" {
	conf '.process.env += ["A=one\ntwo"]'
	run_c 'echo "$A"'
	ok
	is $'one\ntwo'
}

@test "process.env: the last of a name counts, and it is there once" {
	conf '.process.env += ["A=1", "B=2", "A=3"] | .process.args = ["env"]'
	run_c
	ok
	[ "$(grep -c ^A= <<<"$output")" = 1 ]
	has A=3
}

@test "process.env: PATH finds the command" {
	private_rootfs
	mkdir "$ROOTFS/other"
	ln -s ../bin/busybox "$ROOTFS/other/echo"
	conf '.process.env = ["PATH=/nothing:/other"] | .process.args = ["echo", "found"]'
	run_c
	ok
	is found
}

@test "process.env: without PATH a usual one finds the command" {
	conf '.process.env = [] | .process.args = ["echo", "found"]'
	run_c
	ok
	is found
}

@test "process.env: HOME comes from the container's passwd" {
	conf '.process.user = { uid: 1000, gid: 1000 }'
	run_c 'echo $HOME'
	ok
	is /home/u
}

@test "process.env: HOME empty comes from the container's passwd" {
	conf '.process.user = { uid: 1000, gid: 1000 } | .process.env += ["HOME="]'
	run_c 'echo $HOME'
	ok
	is /home/u
}

@test "process.env: HOME given stays" {
	conf '.process.env += ["HOME=/tmp"]'
	run_c 'echo $HOME'
	ok
	is /tmp
}

@test "process.env: HOME of an unknown user is /" {
	conf '.process.user = { uid: 4711, gid: 4711 }'
	run_c 'echo $HOME'
	ok
	is /
}

@test "process.env absent" {
	conf 'del(.process.env)'
	run_c 'echo in'
	ok
	is in
}

@test "process.env without = is refused" {
	conf '.process.env += ["NOTHING"]'
	run_c true
	expect_error 'NAME=VALUE|form' 'process.env[1]'
}

@test "process.env without a name is refused" {
	conf '.process.env += ["=x"]'
	run_c true
	expect_error 'NAME=VALUE|form' 'process.env[1]'
}

@test "process.env of a wrong type is refused" {
	conf '.process.env = "A=b"'
	run_c true
	expect_error 'expected array' process.env
}

@test "process.env with a member of a wrong type is refused" {
	conf '.process.env += [1]'
	run_c true
	expect_error 'expected string' 'process.env[1]'
}

# ---- args ----

@test "process.args: each one is passed as it is" {
	conf '.process.args = ["sh", "-c", "for a; do echo \"[$a]\"; done", "x", "a b", "", "*", "\"q\"", "\u00e4"]'
	run_c
	ok
	is $'[a b]\n[]\n[*]\n["q"]\n[ä]'
}

@test "process.args: the first may be a path" {
	conf '.process.args = ["/bin/echo", "in"]'
	run_c
	ok
	is in
}

@test "process.args: a relative path is taken from cwd" {
	conf '.process.args = ["./echo", "in"] | .process.cwd = "/bin"'
	run_c
	ok
	is in
}

@test "process.args: status of the process" {
	run_c 'exit 7'
	[ "$status" -eq 7 ]
}

@test "process.args: status of a process that a signal ended" {
	# process 1 of a PID namespace cannot end itself by a signal
	conf '.linux.namespaces |= map(select(.type != "pid"))'
	run_c 'kill -TERM $$'
	[ "$status" -eq 143 ]
}

@test "process.args empty is refused" {
	conf '.process.args = []'
	run_c
	expect_error 'must not be empty' process.args
}

@test "process.args missing is refused" {
	conf 'del(.process.args)'
	run_c
	expect_error 'must not be empty' process.args
}

@test "process.args of a wrong type is refused" {
	conf '.process.args = "sh"'
	run_c
	expect_error 'expected array' process.args
}

@test "process.args: a command that PATH does not have is refused at create" {
	conf '.process.args = ["nothing-of-that-name"]'
	create_c
	expect_fail 'executable file .*not found in'
	expect_error 'nothing-of-that-name'
}

@test "process.args: a path that does not exist is refused" {
	conf '.process.args = ["/nothing"]'
	run_c
	expect_fail 'no such file or directory'
	expect_error '/nothing'
}

@test "process.args: a file that cannot be executed is refused" {
	conf '.process.args = ["/etc/passwd"]'
	run_c
	expect_fail 'permission denied'
	expect_error '/etc/passwd'
}

@test "process.args: a directory is refused" {
	conf '.process.args = ["/etc"]'
	run_c
	expect_fail 'permission denied|is a directory'
	expect_error '/etc'
}

@test "process.args: a file without a format is refused" {
	private_rootfs
	printf 'text\n' >"$ROOTFS/bin/text"
	chmod 755 "$ROOTFS/bin/text"
	conf '.process.args = ["text"]'
	run_c
	expect_fail 'exec format error'
	nothing_left
}

@test "process.args: a script whose interpreter is missing is refused" {
	private_rootfs
	printf '#!/nothing\n' >"$ROOTFS/bin/bad"
	chmod 755 "$ROOTFS/bin/bad"
	conf '.process.args = ["bad"]'
	run_c
	expect_fail 'no such file or directory'
	nothing_left
}

@test "process.args: only the standard streams are open" {
	exec 30</dev/null
	run_c 'ls /proc/self/fd'
	ok
	# 3 is the one that ls reads the directory by
	is $'0\n1\n2\n3'
}

@test "process.args: standard input is the caller's" {
	conf_write 'cat'
	run --separate-stderr rt run -b "$B" "$ID" <<<'some text'
	ok
	is 'some text'
}

@test "process.args: standard output and error are apart" {
	run_c 'echo out; echo err >&2'
	ok
	is out
	[ "$stderr" = err ]
}

@test "process.args: no signal is blocked, SIGPIPE is not ignored" {
	run_c 'grep ^SigBlk /proc/self/status; awk "/^SigIgn/ { print substr(\$2, 13, 1) }" /proc/self/status'
	ok
	is $'SigBlk:\t0000000000000000\n0'
}

@test "process.args: the process leads a session of its own" {
	run_c 'read -r a b c d pgrp session rest </proc/$$/stat; echo $pgrp $session'
	ok
	is '1 1'
}

# ---- user ----

@test "process.user.uid, gid" {
	conf '.process.user = { uid: 5, gid: 7 }'
	run_c 'id -u; id -g; awk "/^[UG]id/ { print \$2, \$3, \$4, \$5 }" /proc/self/status'
	ok
	is $'5\n7\n5 5 5 5\n7 7 7 7'
}

@test "process.user absent is root" {
	conf 'del(.process.user)'
	run_c 'id -u; id -g'
	ok
	is $'0\n0'
}

@test "process.user.additionalGids" {
	conf '.process.user.additionalGids = [10, 20, 4000000000]'
	run_c 'grep ^Groups /proc/self/status'
	ok
	is $'Groups:\t10 20 4000000000 '
}

@test "process.user.additionalGids absent: none, not those of the runtime" {
	run_c 'grep ^Groups /proc/self/status'
	ok
	is $'Groups:\t '
}

@test "process.user.umask" {
	conf '.process.user.umask = 63'
	run_c umask
	ok
	is 0077
}

@test "process.user.umask 0" {
	conf '.process.user.umask = 0'
	run_c umask
	ok
	is 0000
}

@test "process.user.umask absent is 022, whatever the runtime's" {
	umask 0027
	run_c umask
	umask 0022
	ok
	is 0022
}

@test "process.user.umask above 0777 is refused" {
	conf '.process.user.umask = 4096'
	run_c true
	expect_error 'umask' process.user.umask
}

@test "process.user.umask of a wrong type is refused" {
	conf '.process.user.umask = "022"'
	run_c true
	expect_error 'expected integer' process.user.umask
}

@test "process.user.uid: the largest" {
	conf '.process.user = { uid: 4294967294, gid: 4294967294 }'
	run_c 'id -u; id -g'
	ok
	is $'4294967294\n4294967294'
}

@test "process.user.uid 4294967295, which is none, is refused" {
	conf '.process.user.uid = 4294967295'
	run_c true
	expect_error '4294967295' process.user.uid
}

@test "process.user.uid above 32 bits is refused" {
	conf '.process.user.uid = 4294967296'
	run_c true
	expect_error '4294967296' process.user.uid
}

@test "process.user.uid negative is refused" {
	conf '.process.user.uid = -1'
	run_c true
	expect_error 'process.user.uid' process.user.uid
}

@test "process.user.uid of a wrong type is refused" {
	conf '.process.user.uid = "root"'
	run_c true
	expect_error 'expected integer' process.user.uid
}

@test "process.user.gid negative is refused" {
	conf '.process.user.gid = -5'
	run_c true
	expect_error 'process.user.gid' process.user.gid
}

@test "process.user.gid of a wrong type is refused" {
	conf '.process.user.gid = []'
	run_c true
	expect_error 'expected integer' process.user.gid
}

@test "process.user.additionalGids of a wrong type is refused" {
	conf '.process.user.additionalGids = 5'
	run_c true
	expect_error 'expected array' process.user.additionalGids
}

@test "process.user.additionalGids with a name is refused" {
	conf '.process.user.additionalGids = [5, "wheel"]'
	run_c true
	expect_error 'expected integer' 'process.user.additionalGids[1]'
}

@test "process.user.additionalGids negative is refused" {
	conf '.process.user.additionalGids = [-1]'
	run_c true
	expect_error 'group' 'process.user.additionalGids[0]'
}

@test "process.user of a wrong type is refused" {
	conf '.process.user = "root"'
	run_c true
	expect_error 'expected object' process.user
}

@test "process.user.username is not looked up" {
	conf '.process.user.username = "u"'
	run_c 'id -u'
	ok
	is 0
}

@test "process.user: without rights of root" {
	conf '.process.user = { uid: 1000, gid: 1000 } | del(.process.capabilities)'
	run_c 'touch /etc/x 2>&1 || cat /proc/1/environ >/dev/null && grep ^CapEff /proc/self/status'
	has 0000000000000000
}

@test "process.user: the streams can be opened again" {
	conf '.process.user = { uid: 1000, gid: 1000 }'
	run_c 'echo in >/dev/stdout'
	ok
	is in
}

@test "process of a wrong type is refused" {
	conf '.process = []'
	run_c true
	expect_error 'expected object' process
}
