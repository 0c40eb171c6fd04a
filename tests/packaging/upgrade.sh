# An upgrade under a systemd of its own: old.deb is installed and its settings are edited, new.deb replaces it, it is removed.
# What the test reads is printed as NAME: VALUE.
export DEBIAN_FRONTEND=noninteractive
pid() { systemctl show --property=MainPID --value harkd.service; }

dpkg -i /hil/old.deb && echo "installed: $(dpkg-query -W -f='${Version}' harkd), $(systemctl is-active harkd.service)"
sed -i 's/friendly voice/grumpy voice/' /etc/harkd/harkd.toml
echo "# mine" >/etc/harkd/mine.txt
was=$(pid)
dpkg --force-confold -i /hil/new.deb && echo "upgraded: $(dpkg-query -W -f='${Version}' harkd), $(systemctl is-active harkd.service)"
[[ $(pid) == "$was" ]] || echo "process: another"
echo "python: $(harkd version)"
echo "kept: $(grep -o 'grumpy voice' /etc/harkd/harkd.toml)"
echo "offered: $(head -n 1 /etc/harkd/harkd.toml.dpkg-dist)"
dpkg -r harkd && echo "removed: $(systemctl is-active harkd.service) $(systemctl is-active harkd-key.path)"
echo "settings: $(ls /etc/harkd | tr '\n' ' ')"
dpkg -i /hil/new.deb && echo "again: $(systemctl is-active harkd.service), $(grep -o 'grumpy voice' /etc/harkd/harkd.toml)"
dpkg -P harkd
echo "purged: $(ls -d /etc/harkd /var/lib/harkd /run/harkd /usr/share/harkd 2>/dev/null)"
