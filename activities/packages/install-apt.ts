/** Programs by which scripts of packages would change the system: there is none to change. */
const nothingToDo = [
  ...['ldconfig', 'systemctl', 'deb-systemd-helper', 'deb-systemd-invoke', 'invoke-rc.d', 'update-rc.d'],
  ...['adduser', 'addgroup', 'useradd', 'groupadd', 'chown', 'chgrp', 'dpkg-trigger', 'dpkg-maintscript-helper'],
  ...['py3compile', 'py3clean', 'update-mime', 'update-menus', 'update-ca-certificates', 'debconf'],
]

/** Many commands are there by an alternative only: what a script announces becomes a link, that of the highest priority. */
const alternatives = `#!/bin/bash
[ "$1" = --install ] || exit 0
shift
priority=\${4%%[!0-9]*}
file="$state/alternatives/$2"
[ -e "$file" ] && [ "$(cat "$file")" -ge "\${priority:-0}" ] && exit 0
echo "\${priority:-0}" > "$file"
while [ $# -ge 3 ]; do
  case "$1" in
    /usr/*) mkdir -p "$into\${1%/*}"; ln -sfn "$3" "$into$1" ;;
    --slave | --follower) shift; continue ;;
  esac
  shift 3
  case "$1" in --slave | --follower) ;; *) shift ;; esac
done
exit 0`

/**
 * Shell commands that install packages of Debian into a folder, as they would be in /usr. What dpkg would do as root is
 * left out: files are unpacked, and of the packages' own scripts only the alternatives count that they announce.
 * @param names quoted
 */
export function installApt(names: string[]): string[] {
  const options = [
    ...['Dir::State=$state', 'Dir::State::lists=$state/lists', 'Dir::State::status=/var/lib/dpkg/status'],
    ...['Dir::Cache=$state/cache', 'Dir::Etc::parts=$state/parts', 'Debug::NoLocking=1', 'APT::Sandbox::User='],
    'Acquire::Retries=2',
  ].map((option) => `-o ${option}`)
  return [
    'export into state="$HOME/apt" DEBIAN_FRONTEND=noninteractive',
    'mkdir -p "$state/lists/partial" "$state/parts" "$state/cache/archives/partial" "$state/shims" "$state/alternatives"',
    `options="${options.join(' ')}"`,
    'apt-get $options -qq update',
    `apt-get $options -qq --yes --download-only --no-install-recommends install -- ${names.join(' ')}`,
    'for package in "$state"/cache/archives/*.deb; do [ -e "$package" ] || continue; dpkg-deb -x "$package" "$into"; done',
    // Packages may still name what is a link to /usr.
    'for name in bin sbin lib lib64; do if [ -d "$into/$name" ]; then mkdir -p "$into/usr/$name"; cp -a "$into/$name/." "$into/usr/$name/"; rm -rf "$into/$name"; fi; done',
    `for name in ${nothingToDo.join(' ')}; do printf '#!/bin/sh\\nexit 0\\n' > "$state/shims/$name"; done`,
    `cat > "$state/shims/update-alternatives" << 'END_OF_SHIM'\n${alternatives}\nEND_OF_SHIM`,
    'chmod +x "$state"/shims/*',
    'for package in "$state"/cache/archives/*.deb; do',
    '  [ -e "$package" ] || continue',
    '  rm -rf "$state/control"; dpkg-deb -e "$package" "$state/control"',
    '  grep -qs update-alternatives "$state/control/postinst" || continue',
    '  PATH="$state/shims:$PATH" timeout -s KILL 20 "$state/control/postinst" configure < /dev/null > /dev/null 2>&1 || true',
    'done',
  ]
}
