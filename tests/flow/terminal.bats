# SPDX-License-Identifier: Apache-2.0
#
# A person at a terminal: -it, exec -it, resize, detach keys, attach, interrupts.

load lib

setup() {
	engine_setup
	image_load busybox
}
teardown() { engine_teardown; }

# talk SCRIPT: run expect with the engine's environment; output is what it prints
talk() {
	cat >"$T/talk.exp" <<-EXP
		set timeout 60
		log_user 1
		proc fail {what} { puts "\nFAILED: \$what"; exit 1 }
		proc start {args} {
			global spawn_id spawn_out
			eval spawn \$args
			expect_after {
				timeout { fail "timeout" }
				eof { fail "eof" }
			}
		}
		# wait for the end of the command, which must come; check its status
		proc ends_with {status} {
			expect_after
			expect {
				eof {}
				timeout { fail "it does not end" }
			}
			catch wait result
			if {[lindex \$result 3] != \$status} { fail "status [lindex \$result 3]" }
		}
		set onggi "$ONGGI_BIN/onggi"
		$1
	EXP
	timeout -k 5 300 expect "$T/talk.exp"
}

@test "run -it: prompt, terminal, size, exit status" {
	talk '
		set stty_init "rows 33 cols 77"
		start $onggi run --rm -it --name tt busybox sh
		expect "/ # "
		send "tty; stty size\r"
		expect "/dev/pts/0"
		expect "33 77"
		expect "/ # "
		send "exit 5\r"
		ends_with 5
	'
	run -0 onggi ps -aq
	[ -z "$output" ]
}

@test "the terminal's settings are restored" {
	talk '
		start sh
		expect "# "
		send "stty -a | md5sum; $onggi run --rm -it busybox true; stty -a | md5sum; echo done\r"
		expect -re {([0-9a-f]{32})}
		set before $expect_out(1,string)
		expect -re {([0-9a-f]{32})}
		if {$before ne $expect_out(1,string)} { fail "changed" }
		expect "done"
	'
}

@test "resize reaches the container" {
	talk '
		start $onggi run --rm -it --name rs busybox sh
		expect "/ # "
		stty rows 40 columns 100 < $spawn_out(slave,name)
		send {until stty size | grep "40 10[0]"; do sleep 0.1; done}
		send "\r"
		expect "40 100"
		send "exit\r"
		ends_with 0
	'
}

@test "ctrl-p ctrl-q detaches, attach comes back, exit ends it" {
	talk '
		start $onggi run -it --name dt busybox sh
		expect "/ # "
		send "\x10\x11"
		ends_with 0
		start $onggi attach dt
		send "echo mark\$((40+2))\r"
		expect "mark42"
		send "exit 3\r"
		ends_with 3
	'
	[ "$(onggi inspect -f '{{.State.ExitCode}}' dt)" = 3 ]
}

@test "custom detach keys; wrong ones are refused" {
	talk '
		start $onggi run -it --detach-keys ctrl-a,d --name ck busybox sh
		expect "/ # "
		send "\x01d"
		ends_with 0
	'
	[ "$(onggi inspect -f '{{.State.Running}}' ck)" = true ]
	run onggi run --rm -t --detach-keys ctrl-aa busybox true
	[ "$status" = 125 ]
}

@test "exec -it: its own terminal, exit status, ctrl-c" {
	onggi run -d --name ex busybox sleep 1000
	talk '
		start $onggi exec -it ex sh
		expect "/ # "
		send "tty\r"
		expect "/dev/pts/"
		# in the foreground before it says so: an interrupt between two commands would reach neither
		send "sh -c \"echo up\$((1+1)); exec sleep 500\"\r"
		expect "up2"
		send "\x03"
		expect "/ # "
		send "exit 4\r"
		ends_with 4
	'
}

@test "ctrl-c at a command without a terminal reaches the process" {
	talk '
		start $onggi run --rm --name cc busybox sh -c "trap \"echo got; exit 9\" INT; echo ready; while :; do sleep 0.1; done"
		expect "ready"
		send "\x03"
		expect "got"
		ends_with 9
	'
}

@test "SIGTERM to the command is passed on" {
	"$ONGGI_BIN/onggi" run --name st busybox sh -c 'trap "exit 8" TERM; echo ready; while :; do sleep 0.1; done' >"$T/out" &
	cli=$!
	eventually 60 grep -q ready "$T/out"
	kill -TERM $cli
	rc=0
	wait $cli || rc=$?
	[ $rc = 8 ]
}

@test "-t without a terminal: -it is refused, -t alone works" {
	run -1 onggi run --rm -it busybox true </dev/null
	[[ $output == *"the input device is not a TTY"* ]]
	run -0 onggi run --rm -t busybox tty </dev/null
	[[ $output == */dev/pts/0* ]]
}
