# SPDX-License-Identifier: MIT
# Set-up of the tests that all work on the small model (helper.bash), made once for a file.
load helper

setup_file() {
    small_model
}
setup() {
    set -o pipefail
    cd "$BATS_FILE_TMPDIR" || return
}
