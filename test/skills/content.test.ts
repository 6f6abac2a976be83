import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { skillContent } from '../../client/skill-content.ts'
import { limits } from '../../protocol/limits.ts'
import { readArchive } from '../../store/skill-archive.ts'
import { refusal } from '../support/refusal.ts'
import { patched, skillText, zipOf } from './support.ts'

const text = skillText('pdf-forms', 'Fills in forms.')
const fileOf = (filename: string, content: string | Buffer = '') => ({ filename, content: Buffer.from(content) })
const main = fileOf('pdf/SKILL.md', text)
const archived = (content: Buffer) => [{ filename: 'skill.zip', content }]
const entries = async (archive: Buffer) => {
  const files = await readArchive(archive, { files: 100, bytes: 1e6 })
  return files.map(({ path, content, isExecutable }) => [path, content.toString(), isExecutable])
}
const refused = async (...files: { filename: string; content: Buffer }[]) => refusal(() => skillContent(files))

describe('the content of a skill', () => {
  const stored = [
    ['pdf-forms/SKILL.md', text, false],
    ['pdf-forms/scripts/fill.py', '#!/usr/bin/python3', true],
    ['pdf-forms/ünï/notes.txt', 'n', false],
  ]

  it('is the files that were given, in a folder with the name that SKILL.md says', async () => {
    const script = fileOf('pdf/scripts/fill.py', '#!/usr/bin/python3')
    const content = await skillContent([fileOf('pdf/ünï/notes.txt', 'n'), script, main])
    expect(content).toMatchObject({ name: 'pdf-forms', description: 'Fills in forms.' })
    expect(await entries(content.archive)).toEqual(stored)
  })

  it('is the same whether they come one by one, as an archive, or as a stream, and in whatever order', async () => {
    const archive = await zipOf([
      ['pdf/', ''],
      ['pdf/SKILL.md', text, { compress: false }],
      ['pdf/scripts/fill.py', '#!/usr/bin/python3', { mode: 0o100755 }],
      ['pdf/ünï/notes.txt', 'n'],
      ['__MACOSX/pdf/._SKILL.md', 'resource fork'],
    ])
    const given = await skillContent(archived(archive))
    expect(await entries(given.archive)).toEqual(stored)
    const streamed = await skillContent([{ filename: '', content: Readable.from([archive]) }])
    const single = stored.map(([path, content]) => fileOf(String(path), String(content))).reverse()
    expect([streamed.sha256, (await skillContent(single)).sha256]).toEqual([given.sha256, given.sha256])
  })

  it('has the name of its folder when SKILL.md says none', async () => {
    const file = fileOf('my-skill/SKILL.md', '\uFEFF---\r\ndescription: |\r\n  two\r\n  lines\r\n---\r\n')
    expect(await skillContent([file])).toMatchObject({ name: 'my-skill', description: 'two\nlines' })
  })

  it.each<[string, string, RegExp]>([
    ['no front matter', '# Title\n', /^SKILL\.md: has to begin with its front matter/],
    ['one that does not end', '---\nname: a\ndescription: b\n', /has to begin with its front matter/],
    ['one that is too long', `---\n${'# \n'.repeat(6000)}description: b\n---\n`, /at most 16384 characters/],
    ['one that is no YAML', '---\na: [\n---\n', /^SKILL\.md: its front matter is no YAML: /],
    ['one that is a list', '---\n- a\n---\n', /has to be a mapping/],
    [
      'aliases of aliases',
      `---\na: &a [x]\nb: [${'*a,'.repeat(5000)}]\n---\n`,
      /^SKILL\.md: its front matter is no YAML/,
    ],
    ['nesting without end', `---\na: ${'['.repeat(10_000)}\n---\n`, /^SKILL\.md: its front matter is no YAML/],
    ['no description', '---\nname: a\n---\n', /^SKILL\.md\.description: must be a text/],
    ['an empty one', '---\nname: a\ndescription: " "\n---\n', /^SKILL\.md\.description: must not be empty/],
    ['a long one', skillText('a', 'x'.repeat(1025)), /^SKILL\.md\.description: /],
    ['a name that is a number', skillText('12', 'd'), /^SKILL\.md\.name: must be a text/],
    ['a name in capitals', skillText('Pdf', 'd'), /^SKILL\.md\.name: must be lower-case letters/],
    ['a name with tags', skillText('<b>x</b>', 'd'), /^SKILL\.md\.name: /],
    ['a long name', skillText('x'.repeat(65), 'd'), /^SKILL\.md\.name: /],
    ['a reserved word', skillText('claude-helper', 'd'), /^SKILL\.md\.name: must not contain anthropic or claude/],
  ])('is refused for a SKILL.md with %s', async (_what, content, message) => {
    const error = await refused(fileOf('x/SKILL.md', content))
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(message) })
  })

  it('is refused for a SKILL.md that is not UTF-8', async () => {
    const file = fileOf('x/SKILL.md', Buffer.concat([Buffer.from(text), Buffer.from([0xff])]))
    expect((await refused(file)).message).toMatch(/not UTF-8/)
  })

  it.each<[string, string[], RegExp]>([
    ['a path up', ['pdf/../../etc/passwd'], /has empty, "\." or "\.\." parts/],
    ['an absolute path', ['/pdf/a'], /has empty/],
    ['a backslash', ['pdf/a\\b'], /has a backslash/],
    ['a zero byte', ['pdf/a\0'], /control character/],
    ['a long part', [`pdf/${'x'.repeat(256)}`], /longer than 255 bytes/],
    ['a long path', [`pdf/${'x/'.repeat(300)}x`], /longer than 512 bytes/],
    ['no folder', ['notes.md'], /"notes\.md" is in no folder/],
    ['two folders', ['other/notes.md'], /all of them have to be in one folder/],
    ['a name twice', ['pdf/a', 'pdf/a'], /pdf\/a is there twice/],
    ['a file that is a folder', ['pdf/a', 'pdf/a/b'], /pdf\/a is a file and a folder/],
    ['a folder that is a file', ['pdf/a/b', 'pdf/a'], /pdf\/a is a file and a folder/],
  ])('is refused for %s', async (_what, paths, message) => {
    const error = await refused(main, ...paths.map((path) => fileOf(path)))
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(message) })
  })

  it('is refused without a SKILL.md at the top of its folder', async () => {
    expect((await refused(fileOf('pdf/deep/SKILL.md', text))).message).toMatch(/^files: there is no SKILL\.md in pdf/)
    expect((await refused(fileOf('pdf/skill.md', text))).message).toMatch(/no SKILL\.md/)
    expect((await refused()).message).toMatch(/^files: are missing/)
  })

  it('has bounds of number and size', async () => {
    const many = Array.from({ length: limits.skillFiles }, (_, index) => fileOf(`pdf/${index}`))
    expect(await refused(main, ...many)).toMatchObject({ status: 400, message: 'files: more than 2000 files' })
    const deep = Array.from({ length: 20 }, (_, index) => fileOf(`pdf/${index}/${'x/'.repeat(100)}x`))
    expect(await refused(main, ...deep)).toMatchObject({ status: 400, message: 'files: more than 2000 folders' })
    const large = fileOf('pdf/large', Buffer.alloc(limits.skillBytes))
    expect(await refused(main, large)).toMatchObject({ status: 413 })
  })
})

describe('an archive that means harm', () => {
  const zipped = (more: Parameters<typeof zipOf>[0]) => zipOf([['pdf/SKILL.md', text], ...more])
  const link = 0o120777
  const device = 0o020666

  it.each<[string, () => Promise<Buffer>, RegExp]>([
    ['leads out of its folder', async () => patched(await zipped([['pdf/aa/x', 'x']]), 'pdf/aa/x', 'pdf/../x'), /\.\./],
    ['has absolute paths', async () => patched(await zipped([['pdf/aa', 'x']]), 'pdf/aa', '/df/aa'), /absolute path/],
    ['has backslashes', async () => patched(await zipped([['pdf/a-b', 'x']]), 'pdf/a-b', 'pdf/a\\b'), /invalid char/],
    ['has a link', () => zipped([['pdf/etc', '/etc', { mode: link }]]), /pdf\/etc is a link, or no plain file/],
    ['has a device', () => zipped([['pdf/dev', '', { mode: device }]]), /pdf\/dev is a link, or no plain file/],
    ['has a name twice', () => zipped([['pdf/SKILL.md', 'other']]), /pdf\/SKILL\.md is there twice/],
    ['is empty', () => zipOf([]), /^files: the archive is empty/],
    ['is cut off', async () => (await zipped([])).subarray(0, 60), /^files: the zip archive cannot be read: /],
    [
      'is damaged',
      async () => patched(await zipped([['pdf/a', 'known-text', { compress: false }]]), 'known-text', 'other-text'),
      /pdf\/a is damaged/,
    ],
  ])('is refused when it %s', async (_what, make, message) => {
    const error = await refused(...archived(await make()))
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(message) })
  })

  it('is refused when it is encrypted', async () => {
    const archive = await zipped([])
    // The flags in its directory.
    const at = archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'))
    archive[at + 8]! |= 1
    expect((await refused(...archived(archive))).message).toMatch(/is encrypted/)
  })

  it('is refused unread when it says that it grows beyond measure', async () => {
    const bomb = await zipped([['pdf/zeros', Buffer.alloc(limits.skillBytes)]])
    expect(bomb.length).toBeLessThan(100_000)
    expect(await refused(...archived(bomb))).toMatchObject({ status: 413 })
  })

  it('is held to what it says: no more is unpacked', async () => {
    const size = 8 * 1024 * 1024
    const [real, said] = [Buffer.alloc(4), Buffer.alloc(4)]
    real.writeUInt32LE(size)
    said.writeUInt32LE(10)
    const bomb = patched(await zipped([['pdf/zeros', Buffer.alloc(size)]]), real, said)
    const error = await refused(...archived(bomb))
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(/too many bytes/) })
  })

  it('is refused when it has entries beyond measure, whatever they are', async () => {
    const archive = await zipped([])
    // What its end says of how many there are.
    archive.writeUInt16LE(4 * limits.skillFiles + 1, archive.lastIndexOf('PK\x05\x06') + 10)
    expect((await refused(...archived(archive))).message).toBe('files: more than 2000 files')
  })

  it('is refused when it has more files than a skill may', async () => {
    const many = Array.from({ length: limits.skillFiles }, (_, index): [string, string] => [`pdf/${index}`, ''])
    expect((await refused(...archived(await zipped(many)))).message).toBe('files: more than 2000 files')
  })
})
