/** Hosts that `allow_package_managers` opens: where apt, cargo, gem, go, npm and pip fetch from by default. */
export const packageHosts = [
  'deb.debian.org',
  'security.debian.org',
  'archive.ubuntu.com',
  'security.ubuntu.com',
  'crates.io',
  'index.crates.io',
  'static.crates.io',
  'rubygems.org',
  'index.rubygems.org',
  'proxy.golang.org',
  'sum.golang.org',
  'registry.npmjs.org',
  'pypi.org',
  'files.pythonhosted.org',
]
