/** Where a session's resources may lie in its container. Source: spec §12.1, §12.4. */
import { limits } from './limits.ts'

/** Trees that belong to the system: nothing may be mounted on them or below them. */
const system = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
]
/** Folders that every container has: something may be mounted below them, not on them. */
const ours = [
  '/',
  '/home',
  '/home/agent',
  '/mnt',
  '/mnt/memory',
  '/mnt/session',
  '/mnt/session/outputs',
  '/mnt/session/uploads',
  '/tmp',
  '/workspace',
]

/** Where an agent's skills are, each in a folder with its name. The API does not say where. Source: spec §12.4. */
export const skillsFolder = '/mnt/session/skills'

/** What lies there becomes a download: it would be one of an upload. */
const outputs = '/mnt/session/outputs'

const bytesOf = (text: string) => new TextEncoder().encode(text).length

/** Why nothing can be mounted at this path, or undefined when it can. */
export function mountTargetProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must be an absolute path'
  if (bytesOf(path) > limits.mountPathBytes) return `is longer than ${limits.mountPathBytes} bytes`
  if (/\p{Cc}/u.test(path)) return 'has a control character'
  if (
    path !== '/' &&
    path
      .slice(1)
      .split('/')
      .some((part) => part === '' || part === '.' || part === '..')
  ) {
    return 'must not have empty, "." or ".." parts'
  }
  if (path.split('/').some((part) => bytesOf(part) > 255)) return 'has a part that is longer than 255 bytes'
  if (ours.includes(path)) return `${path} is a folder of the container itself`
  if (path.startsWith(`${outputs}/`)) return `${outputs} is for what the agent leaves`
  if (path === skillsFolder || path.startsWith(`${skillsFolder}/`)) return `${skillsFolder} is for the agent's skills`
  const tree = system.find((root) => path === root || path.startsWith(`${root}/`))
  return tree && `${tree} belongs to the system`
}
