# The README's way onto a bare Debian with a systemd of its own, and off it again, by somebody who may use sudo.
# What the test reads is printed as NAME: VALUE.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cp /hil/resolv.conf /hil/pip.conf /etc/
echo "127.0.0.1 localhost $(hostname)" >/etc/hosts
useradd --create-home --shell /bin/bash pi
echo 'pi ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pi
cp -a /hil/harkd /home/pi/harkd
chown -R pi: /home/pi/harkd
as_pi() { runuser -u pi -- bash -ec "cd ~/harkd && $1"; }
files() { # what is there, without what is the machine's own business
    find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /hil -o -path /home/pi/harkd -o -path /tmp \
        -o -path /var/tmp -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -print | sort
}
packages() { dpkg-query -W -f='${Package} ' ; }
names() { tr '\n' ' '; }

! command -v gcc cc pip >/dev/null || { echo "there is a compiler, or a pip" >&2; exit 1; }
files >/tmp/before
getent passwd >/tmp/accounts && getent group >>/tmp/accounts
had=$(packages)

as_pi 'make install'
as_pi 'sudo install -m 600 /dev/stdin /etc/harkd/openai_api_key' <<<sk-of-a-test
echo "active: $(systemctl is-active harkd)"
echo "enabled: $(systemctl is-enabled harkd)"
echo "version: $(systemctl --version | head -n 1)"
# A server on this machine rather than OpenAI's.
harkd simulate >/tmp/simulator 2>&1 &
until url=$(grep -o 'ws://.*' /tmp/simulator); do sleep 0.1; done
install -D -m 644 /dev/stdin /etc/harkd/conf.d/here.toml <<<"session.url = \"$url\""
for try in {1..150}; do
    as_pi 'sudo harkd status' >/tmp/status 2>&1 || true
    ! grep -q '^link  *ready' /tmp/status || break
    sleep 0.2
done
echo "status: $(names </tmp/status)"
echo "failed: $(systemctl list-units --failed --plain --no-legend | names)"
echo "verified: $(systemd-analyze verify harkd.service 2>&1 | names)"
echo "exposure: $(systemd-analyze security --no-pager harkd.service | grep -o 'Overall exposure.*')"
echo "restarts: $(systemctl show --property=NRestarts --value harkd)"
! command -v gcc cc >/dev/null || { echo "a compiler was installed" >&2; exit 1; }
kill %1

as_pi 'make uninstall'
echo "stopped: $(systemctl is-active harkd || true), $(systemctl show --property=LoadState --value harkd harkd-key.path | names)"
echo "running: $(grep -sl '[h]arkd.run' /proc/[0-9]*/cmdline | names)"
echo "kept: $(find / -xdev -path /home/pi -prune -o -path /hil -prune -o -path /proc -prune -o -name '*harkd*' -print | names)"
as_pi 'PURGE=1 make uninstall'
as_pi 'make uninstall' # where there is nothing
came=$(packages | tr ' ' '\n' | grep -vxF "$(tr ' ' '\n' <<<"$had")" || true)
echo "packages: $(names <<<"$came")"
files >/tmp/after
# Of packages that came along and stay: their files, bytecode, alternatives, and what starts them. The rest would be ours.
dpkg-query -L $(names <<<"$came") | sed -E 's,^/(bin|sbin|lib)/,/usr/&,; s,//,/,' | sort >/tmp/of-packages
comm -13 /tmp/before /tmp/after | comm -23 - /tmp/of-packages | grep -vE '/__pycache__|^/etc/alternatives/|^/etc/rc.\.d/|^/etc/modules$' |
    while read -r file; do [[ $(readlink "$file") == /etc/alternatives/* ]] || echo "$file"; done >/tmp/left
echo "left: $(names </tmp/left)"
echo "gone: $(comm -23 /tmp/before /tmp/after | names)"
{ getent passwd && getent group; } >/tmp/accounts.after
echo "accounts: $(comm -13 <(sort /tmp/accounts) <(sort /tmp/accounts.after) | names)"
