import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of this package, with a slash at its end. */
export const packageRoot = fileURLToPath(new URL('../', import.meta.url))

/** Ending of the package's own programs: they run as they are in a checkout, compiled in the published package. */
export const extension = path.extname(fileURLToPath(import.meta.url))
