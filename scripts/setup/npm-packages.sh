# shellcheck shell=bash
# The npm packages; one of them is the Node that everything else runs on. Needs say.sh.

MIN_NODE_FOR_NPM=20
MIN_NODE=22.19
# Inside node_modules, so that it goes when that folder goes.
NPM_STAMP=node_modules/.lameduck-setup

npm_packages_are_due() {
  [[ $(cat "$NPM_STAMP" 2>/dev/null) != "$(sha256sum package-lock.json)" ]] ||
    [[ ! -x node_modules/.bin/tsc || ! -x node_modules/.bin/biome ]] ||
    ! node_is_recent
}

# Whether the Node that the project's commands get is at least MIN_NODE.
node_is_recent() {
  local version
  version=$(scripts/with-tools.sh node -p process.versions.node 2>/dev/null) || return 1
  printf '%s\n%s\n' "$MIN_NODE" "$version" | sort -CV
}

check_machine_node() {
  local version
  version=$(node -p process.versions.node 2>/dev/null) ||
    fail "missing here: Node $MIN_NODE_FOR_NPM or later" 'install it from nodejs.org or your distribution'
  [[ ${version%%.*} -ge $MIN_NODE_FOR_NPM ]] ||
    fail "Node $MIN_NODE_FOR_NPM or later is wanted: current value is $version"
  command -v npm >/dev/null || fail 'missing here: npm' 'it comes with Node from nodejs.org; Debian calls the package npm'
}

setup_npm_packages() {
  check_machine_node
  say 'installing the npm packages'
  npm ci >&2
  node_is_recent ||
    fail "Node $MIN_NODE or later is wanted: current value is $(node -p process.versions.node)" \
      'npm brings one for Linux on x64 only; elsewhere install it yourself'
  sha256sum package-lock.json >"$NPM_STAMP"
}
