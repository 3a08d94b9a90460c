# SPDX-License-Identifier: Apache-2.0
#
# Shared by mount_options.bats and mount_tree.bats: a mount with options, and the words that mountinfo has of it.

# tmpfs_with OPTIONS: flags, type and super block options of a tmpfs with them
tmpfs_with() {
	mount_add /mnt tmpfs tmpfs "$1"
	mount_shows /mnt
	ok
}

# bind_with OPTIONS [FLAGS OF THE SOURCE]
bind_with() {
	host_tmpfs src "${2:-}"
	mount_add /mnt bind "$H/src" "bind,$1"
	mount_shows /mnt
	ok
}

# a tmpfs of the host with another one below it, /sub, both with FLAGS; bound with OPTIONS; the words of
# the upper and the lower one are lines of the output
tree_with() { # options [flags of the source]
	host_tmpfs src "${2:-}"
	mkdir "$H/src/sub"
	mount -t tmpfs ${2:+-o "$2"} conform "$H/src/sub"
	mount_add /mnt bind "$H/src" "rbind,$1"
	mount_shows /mnt /mnt/sub
	ok
	[ "${#lines[@]}" -eq 2 ] || { echo "not two mounts: $output"; return 1; }
}

both() { # word: the upper and the lower mount have it
	output=${lines[0]} word "$1"
	output=${lines[1]} word "$1"
}

neither() {
	output=${lines[0]} no_word "$1"
	output=${lines[1]} no_word "$1"
}

upper_only() {
	output=${lines[0]} word "$1"
	output=${lines[1]} no_word "$1"
}
