import { readFileSync } from 'node:fs'

/** A random UUID, from the kernel: `node:crypto` is slow to load, and a container would be there later. */
export const randomId = () => readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim()
