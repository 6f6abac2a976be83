/**
 * A process of its own: Node's glob keeps every name that it has seen, and of some hundred thousand files that is more than
 * the supervisor may have. Arguments: pattern, folder. Prints the newest files, and how many more there are.
 */
import { glob, stat } from 'node:fs/promises'
import path from 'node:path'

const mostFiles = 200
const skipped = ['.git', 'node_modules']

interface Found {
  file: string
  time: number
}

async function print(pattern: string, cwd: string): Promise<void> {
  let newest: Found[] = []
  let count = 0
  const cut = () => {
    newest.sort((a, b) => b.time - a.time || a.file.localeCompare(b.file))
    newest = newest.slice(0, mostFiles)
  }
  for await (const entry of glob(pattern, { cwd, exclude: (name) => skipped.includes(path.basename(name)) })) {
    const file = path.join(cwd, entry)
    const found = await stat(file).catch(() => undefined)
    if (!found?.isFile()) continue
    count++
    newest.push({ file, time: found.mtimeMs })
    if (newest.length === 2 * mostFiles) cut()
  }
  cut()
  const left = count - newest.length
  process.stdout.write([...newest.map(({ file }) => file), ...(left > 0 ? [`[${left} more]`] : [])].join('\n'))
}

const [pattern = '', cwd = ''] = process.argv.slice(2)
void print(pattern, cwd)
