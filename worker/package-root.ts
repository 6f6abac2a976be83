import { fileURLToPath } from 'node:url'

/** Folder of this package, with a slash at its end. */
export const packageRoot = fileURLToPath(new URL('../', import.meta.url))
