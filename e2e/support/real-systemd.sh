#!/usr/bin/env bash
# Boots the systemd of this computer once more, as process 1 of namespaces of its own; ends it, and removes every trace,
# when standard input ends. The network stays shared; of the host nothing else is: the root is an overlay in memory,
# /proc/sys and /sys are read-only, the cgroups are a subtree, and no unit of the distribution is known but journald.
#   real-systemd.sh FOLDER PROJECT NODE SHARED [ROOT]
# Inside: PROJECT at /srv/lameduck, the folder of NODE at /srv/node, SHARED (writable) at /srv/shared. ROOT: files laid
# over the root, such as another version of systemd, unpacked. Prints "machine PID" (as the host sees it) before systemd runs.
set -euo pipefail

cgroup_parent() {
  local mount own
  mount=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
  own=$(sed -n 's/^0:://p' /proc/self/cgroup)
  echo "${mount:?no cgroup2 is mounted}${own%/}"
}

outside() {
  local parent cgroup machine stdin
  parent=$(cgroup_parent)
  cgroup=$parent/lameduck-test-$$
  mkdir "$cgroup" "$1"
  # also at the sudden end of this script the machine ends; of the machine's first process, all others
  setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount --uts --ipc \
    bash "$0" --enter "$cgroup" "$@" </dev/null &
  machine=$!
  cat <&3 >/dev/null &
  stdin=$!
  # who reads what bash says about the killed may be gone
  trap '' PIPE
  wait -n || true
  kill -KILL "$machine" "$stdin" 2>/dev/null || true
  wait || true
  remove_cgroups "$cgroup"
  rmdir "$1"
}

# A killed process is gone from its cgroup a moment later.
remove_cgroups() {
  for _ in {1..100}; do
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [[ -e $1 ]] || return 0
    sleep 0.05
  done
}

enter() {
  local cgroup=$1
  mount --make-rprivate /
  echo 0 >"$cgroup/cgroup.procs"
  exec unshare --cgroup bash "$0" --inside "${@:2}"
}

bind() {
  mkdir -p "$2"
  mount --bind "$1" "$2"
  if [[ $3 == ro ]]; then mount -o remount,bind,ro "$2"; fi
}

make_root() {
  local folder=$1 project=$2 node=$3 shared=$4 over=${5:-}
  mount -t tmpfs -o mode=755 machine "$folder"
  mkdir "$folder"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
  cd "$folder/root"
  # not as one more layer: layers may not lie in one another
  if [[ -n $over ]]; then cp -a "$over"/* .; fi
  mount -t tmpfs -o mode=755 srv srv
  bind "$project" srv/lameduck ro
  bind "$(dirname "$node")" srv/node ro
  bind "$shared" srv/shared rw
  mount -t tmpfs -o mode=755 run run
  make_kernel_files
}

make_kernel_files() {
  mount -t proc proc proc
  for file in proc/sys proc/sysrq-trigger; do
    [[ -e $file ]] || continue
    mount --bind "$file" "$file"
    mount -o remount,bind,ro "$file"
  done
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 dev dev
  for name in null zero full random urandom tty; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
  done
  mkdir dev/{pts,shm}
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mount -t tmpfs -o mode=1777 shm dev/shm
}

# Targets that units may name, with nothing in them; no generators, no presets, no fstab.
make_units() {
  local library=usr/lib/systemd journal
  [[ -d $library ]] || library=lib/systemd
  journal=$(<"$library/system/systemd-journald.socket")
  for folder in "$library/system" "$library/system-generators" etc/systemd; do mount -t tmpfs -o mode=755 units "$folder"; done
  mkdir etc/systemd/system
  rm -f etc/fstab
  tr -d - </proc/sys/kernel/random/uuid >run/machine-id
  cat run/machine-id >etc/machine-id
  cd "$library/system"
  for name in sysinit sockets network multi-user shutdown slices paths timers; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$name" >"$name.target"
  done
  printf '[Unit]\nDescription=basic\nDefaultDependencies=no\nRequires=sysinit.target\nWants=systemd-journald.service\nAfter=sysinit.target systemd-journald.service\n' >basic.target
  echo "$journal" >systemd-journald.socket
  # a network of its own: it must not come near the host's audit
  printf '[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\nAfter=systemd-journald.socket\n[Service]\nType=notify\nExecStart=/%s/systemd-journald\nSockets=systemd-journald.socket\nFileDescriptorStoreMax=4224\nStandardOutput=null\nPrivateNetwork=yes\n' "$library" >systemd-journald.service
  cd "$OLDPWD"
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=\nRateLimitIntervalSec=0\n' >etc/systemd/journald.conf
  echo "/$library/systemd" >run/init
}

inside() {
  local key value init
  while read -r key value _; do
    if [[ $key == NSpid: ]]; then machine=$value; fi
  done </proc/self/status
  make_root "$@"
  make_units
  mkdir run/host
  pivot_root . run/host
  cd /
  umount -l /run/host
  read -r init </run/init
  echo "machine $machine"
  exec env -i container=lameduck-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    "$init" --system --unit=basic.target --log-target=journal --log-level=info >/dev/null 2>&1
}

case $1 in
--enter) enter "${@:2}" ;;
--inside) inside "${@:2}" ;;
*)
  exec 3<&0
  outside "$@"
  ;;
esac
