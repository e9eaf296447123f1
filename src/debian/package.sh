#!/bin/sh
# Makes the Debian package out of what `make install` put into a folder.
# usage: package.sh ROOT VERSION OUT_DIR     (DEB_MAINTAINER="Name <address>" to set that field)
set -eu
umask 022

root=$1 version=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
maintainer=${DEB_MAINTAINER:-$(sed -n 's/^ -- \(.*>\)  .*/\1/p' "$here/changelog" | head -n 1)}
SOURCE_DATE_EPOCH=$(date -u -d "$(sed -n 's/^ -- .*>  //p' "$here/changelog" | head -n 1)" +%s)
export SOURCE_DATE_EPOCH

binary=$root/usr/sbin/ops-updater
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$binary"
doc=$root/usr/share/doc/ops-updater
install -m 644 "$here/copyright" "$doc/copyright"
gzip -9n <"$here/changelog" >"$doc/changelog.gz"
install -D -m 644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/ops-updater"
find "$root/usr/share/man" -type f -name '*.8' -exec gzip -9n {} +

# dpkg-shlibdeps wants to be in a source package.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: ops-updater\nPackage: ops-updater\nArchitecture: any\n' >"$work/debian/control"
binary=$(cd "$(dirname "$binary")" && pwd)/ops-updater
shlibs=$(cd "$work" && dpkg-shlibdeps -O "$binary" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$shlibs" ] || { echo "package.sh: dpkg-shlibdeps found nothing" >&2; exit 1; }

architecture=$(dpkg --print-architecture)
mkdir -p "$root/DEBIAN"
(cd "$root" && find etc -type f | LC_ALL=C sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
(cd "$root" && find lib usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) \
    >"$root/DEBIAN/md5sums"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN/"
sed -e "s|@VERSION@|$version|" -e "s|@ARCHITECTURE@|$architecture|" \
    -e "s|@MAINTAINER@|$maintainer|" -e "s|@SHLIBS@|$shlibs|" \
    -e "s|@SIZE@|$(du -sk --exclude=DEBIAN "$root" | cut -f 1)|" \
    "$here/control.in" >"$root/DEBIAN/control"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

package=$out/ops-updater_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
