import { readFileSync } from 'node:fs'

/** A random UUID, from the kernel: Node's takes longer to load than all the rest of what a container's first call needs. */
export const randomId = () => readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim()
