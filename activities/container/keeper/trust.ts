import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { getCACertificates } from 'node:tls'

/** Name of the file in the folder that is mounted into the container. */
export const bundleName = 'certificates.pem'

/** Writes what a container is to trust: what this system does, what was added for this process, and `certificate`. */
export async function writeTrust(folder: string, certificate: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
  const system = getCACertificates('system')
  const usual = [...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')]
  const file = path.join(folder, bundleName)
  await writeFile(file, [...usual, certificate].map((pem) => `${pem.trim()}\n`).join(''))
  await chmod(file, 0o644)
}
