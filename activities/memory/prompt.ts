import type { MemoryStoreResource } from '../../protocol/sessions.ts'

/** What the system prompt says of the attached memory stores. Source: spec §17.5; the hosted text is not public. */
export function memoryPrompt(stores: MemoryStoreResource[]): string {
  const canWrite = stores.some(({ access }) => access === 'read_write')
  return [
    'Memory stores are attached as folders. They outlast this session, and other sessions may share them: look into ' +
      'them for what you should know before you begin.',
    ...(canWrite
      ? [
          'What you write to a folder that is read and write is saved by itself after each tool call. Only text files are ' +
            'saved, of at most 100 kB each; symbolic links and binary files are not.',
        ]
      : []),
    ...stores.map(describe),
  ].join('\n')
}

function describe({ name, mount_path, access, description, instructions }: MemoryStoreResource): string {
  const mode = access === 'read_write' ? 'read and write' : 'read-only'
  return [
    `- ${mount_path} (${mode}): ${name}`,
    ...(description ? [indented(`Description: ${description}`)] : []),
    ...(instructions ? [indented(`Instructions: ${instructions}`)] : []),
  ].join('\n')
}

const indented = (text: string) => `  ${text.replaceAll('\n', '\n  ')}`
