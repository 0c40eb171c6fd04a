# `make install` and `make uninstall` on a bare Debian, in a chroot: what the test reads is printed as NAME: VALUE.
set -eu
cd /root/harkd
! command -v gcc cc >/dev/null || { echo "there is a compiler" >&2; exit 1; }
before=$(find . | sort | sha256sum)
make install
echo "# mine" >>/etc/harkd/harkd.toml
install -m 644 /dev/stdin /etc/harkd/openai_api_key <<<sk-test
touch daemon/changed_since.py
make install
echo "sources: $(find /opt/harkd -name changed_since.py | wc -l)"
rm daemon/changed_since.py
echo "settings: $(tail -n 1 /etc/harkd/harkd.toml)"
echo "key: $(stat -c '%a %U' /etc/harkd/openai_api_key)"
echo "version: $(harkd version)"
echo "check: $(harkd config check)"
(cd / && /opt/harkd/.venv/bin/python -c 'import gpiozero, numpy, pyaudio, pywebrtc_audio, systemd.daemon, webrtcvad; print("modules: ok")')
echo "enabled: $(systemctl is-enabled harkd.service)"
echo "user: $(id -Gn harkd)"
! command -v gcc cc >/dev/null || { echo "a compiler was installed" >&2; exit 1; }
[ "$(find . | sort | sha256sum)" = "$before" ] || { echo "the checkout was written to" >&2; exit 1; }
make uninstall
echo "left: $(find / -xdev -path /root -prune -o -path /proc -prune -o -name '*harkd*' -print | sort | tr '\n' ' ')"
echo "account: $(getent passwd harkd; getent group harkd || true)"
PURGE=1 make uninstall
echo "purged: $(find / -xdev -path /root -prune -o -path /proc -prune -o -name '*harkd*' -print | sort | tr '\n' ' ')"
