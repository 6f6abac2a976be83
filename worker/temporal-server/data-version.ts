import { readFile, rename, writeFile } from 'node:fs/promises'
import { compareVersions } from './binary-version.ts'

/**
 * The version of the server that wrote a data file stands beside it: the server has no migrations for its SQLite files
 * and refuses nothing by itself.
 * @throws DataTooNew when a newer server wrote it
 */
export async function checkDataVersion(file: string, version: string): Promise<void> {
  const writtenBy = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
  if (writtenBy && compareVersions(writtenBy, version) > 0) throw new DataTooNew(file, writtenBy, version)
}

export async function writeDataVersion(file: string, version: string): Promise<void> {
  await writeFile(`${file}.partial`, `${version}\n`)
  await rename(`${file}.partial`, file)
}

export class DataTooNew extends Error {
  override readonly name = 'DataTooNew'

  constructor(file: string, writtenBy: string, version: string) {
    super(
      `Temporal's data was written by server ${writtenBy} (${file}), and the Temporal CLI here contains the older ${version}: ` +
        `name one with server ${writtenBy} or newer in TEMPORAL_CLI_PATH, or start with another data folder (--data)`,
    )
  }
}
