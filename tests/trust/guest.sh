#!/bin/sh
# The first process of a guest: `guest.py` says why. It has the files of the host, and may change those in the directory
# that is its argument, where the script is that it runs. Then it switches the guest off.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/shared /run/kernel/lib
mount -t hostfs -o "$1" shared /run/shared
ln -s /usr/lib/uml/modules /run/kernel/lib/modules
modprobe --dirname /run/kernel --all sch_netem veth bridge tun ipv6
ip link set lo up

export PYTHONDONTWRITEBYTECODE=1
export TMPDIR=/run
sh /run/shared/script >/run/shared/output 2>/run/shared/errors
echo $? >/run/shared/status

echo o >/proc/sysrq-trigger
exec sleep infinity
