import { access, constants } from 'node:fs/promises'
import { installApt } from './install-apt.ts'
import { managers, type PackageManager, type Wanted } from './layer-key.ts'

/** Where a manager's layer lies in containers, also while it is built: programs may have the path written into them. */
export const placeOf = (manager: PackageManager) => `/opt/packages/${manager}`

/** Where containers look for the managers' programs; the usual place of Go is not on the agent's PATH. */
const folders = ['/usr/local/bin', '/usr/bin', '/usr/local/go/bin']

/** The managers that this host can install packages with. */
export async function managersHere(): Promise<PackageManager[]> {
  const found = await Promise.all(
    managers.map(async (manager) => {
      const { program } = installers[manager].needs
      const places = await Promise.allSettled(folders.map((folder) => access(`${folder}/${program}`, constants.X_OK)))
      return places.some(({ status }) => status === 'fulfilled') ? [manager] : []
    }),
  )
  return found.flat()
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

interface Installer {
  /** The program that has to be there, and what brings it. */
  needs: { program: string; from: string }
  /** Shell commands; `$into` is the folder, `names` are quoted. */
  commands: (names: string[]) => string[]
}

const installers: Record<PackageManager, Installer> = {
  apt: { needs: { program: 'apt-get', from: 'apt' }, commands: installApt },
  cargo: {
    needs: { program: 'cargo', from: 'cargo' },
    commands: (names) => [`cargo install --quiet --root "$into" ${names.join(' ')}`],
  },
  gem: {
    needs: { program: 'gem', from: 'ruby' },
    commands: (names) => [
      `gem install --silent --no-document --install-dir "$into" --bindir "$into/bin" ${names.join(' ')}`,
    ],
  },
  go: {
    needs: { program: 'go', from: 'golang' },
    commands: (names) => names.map((name) => `GOBIN="$into/bin" GOFLAGS=-modcacherw go install ${name}`),
  },
  npm: {
    needs: { program: 'npm', from: 'npm' },
    commands: (names) => [
      `npm install --global --prefix "$into" --loglevel error --no-audit --no-fund --no-update-notifier -- ${names.join(' ')}`,
    ],
  },
  pip: {
    needs: { program: 'pip3', from: 'python3-pip' },
    commands: (names) => [
      `pip3 install --quiet --target "$into" --no-input --disable-pip-version-check --no-warn-script-location -- ${names.join(' ')}`,
    ],
  },
}

/** What a container runs to install the packages. It ends with another status than 0 when it could not. */
export function installScript({ manager, names }: Wanted): string {
  const { needs, commands } = installers[manager]
  const missing = `${needs.program} is not there: install it on the hosts that run containers (Debian and Ubuntu: ${needs.from})`
  // A program of Go has no version of its own: without one, go asks for it.
  const full = manager === 'go' ? names.map((name) => (name.includes('@') ? name : `${name}@latest`)) : names
  return [
    'exec 2>&1',
    'set -e',
    'umask 022',
    `into=${placeOf(manager)}`,
    'export PATH="$PATH:/usr/local/go/bin" TMPDIR="$HOME/tmp"',
    'mkdir -p "$TMPDIR"',
    `command -v ${needs.program} > /dev/null || { echo ${quote(missing)}; exit 1; }`,
    ...commands(full.map(quote)),
  ].join('\n')
}

/** Where programs find what a layer holds: folders for PATH, and variables. */
export function waysInto(manager: PackageManager): { path: string[]; variables: Record<string, string> } {
  const place = placeOf(manager)
  // The packages of the system are where its own are.
  if (manager === 'apt') return { path: ['/usr/games'], variables: {} }
  const variables: Partial<Record<PackageManager, Record<string, string>>> = {
    // The empty one at the end is the usual place.
    gem: { GEM_PATH: `${place}:` },
    npm: { NODE_PATH: `${place}/lib/node_modules` },
    pip: { PYTHONPATH: place },
  }
  return { path: [`${place}/bin`], variables: variables[manager] ?? {} }
}
