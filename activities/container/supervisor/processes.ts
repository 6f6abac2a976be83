// Its promises are loaded when something is killed, not when the container starts.
import fs from 'node:fs'

/** How a call's processes are told from those of earlier calls. */
export interface Call {
  /** Stands in the environment of every program that the call starts. */
  marker: string
  /** Pids from before the call. */
  before: Set<number>
}

export function pids(): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/**
 * Kills a shell and everything that its current call started, also what left the shell's group. Processes of earlier
 * calls go on.
 */
export async function killAll(shell: number, call: Call | undefined): Promise<void> {
  // Stopped first, so that none forks while the list is made.
  signal(shell, 'SIGSTOP')
  for (let round = 0; call && round < 5; round++) {
    const found = await ofCall(shell, call)
    if (found.length === 0) break
    for (const pid of found) signal(pid, 'SIGKILL')
  }
  signal(shell, 'SIGKILL')
}

interface Process {
  parent: number
  session: number
  environment: string
}

async function ofCall(shell: number, { marker, before }: Call): Promise<number[]> {
  const processes = new Map<number, Process>()
  await Promise.all(
    pids().map(async (pid) => {
      if (pid === shell || pid === process.pid || pid === 1) return
      const [environment, stat] = await Promise.all([
        fs.promises.readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
        fs.promises.readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ''),
      ])
      const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (!state || state === 'Z' || state === 'X') return
      processes.set(pid, { parent: Number(parent), session: Number(session), environment })
    }),
  )
  const belongs = (pid: number): boolean => {
    const found = processes.get(pid)
    if (!found) return false
    if (found.environment.includes(`HOLDFAST_CALL=${marker}`)) return true
    // A subshell that has started no program shows the environment with which the shell itself began.
    if (before.has(pid) || found.session !== shell || found.environment.includes('HOLDFAST_CALL=')) return false
    return found.parent === shell || found.parent === 1 || belongs(found.parent)
  }
  return [...processes.keys()].filter(belongs)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
